-- As PostGIS' topology and others have it: tables that CREATE EXTENSION makes with keys among them, whose rows are the user's. The largest
-- refers to the smallest.
CREATE TABLE c_child (id int PRIMARY KEY, parent int); CREATE TABLE a_grandchild (id int PRIMARY KEY, child int REFERENCES c_child);
CREATE TABLE d_parent (id int PRIMARY KEY, above int REFERENCES d_parent); ALTER TABLE c_child ADD FOREIGN KEY (parent) REFERENCES d_parent;
CREATE TABLE hen (id int PRIMARY KEY, egg int); CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen); ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg;
CREATE TABLE feather (hen int REFERENCES hen);
SELECT pg_catalog.pg_extension_config_dump('c_child', '');
SELECT pg_catalog.pg_extension_config_dump('a_grandchild', '');
SELECT pg_catalog.pg_extension_config_dump('d_parent', '');
SELECT pg_catalog.pg_extension_config_dump('hen', '');
SELECT pg_catalog.pg_extension_config_dump('egg', '');
SELECT pg_catalog.pg_extension_config_dump('feather', '');
