-- What changes between the two snapshots of the fixtures.
UPDATE shop.orders SET state = 'sent' WHERE id % 11 = 0;
DELETE FROM shop.orders WHERE id BETWEEN 50 AND 60;
INSERT INTO shop.customers (name) VALUES ('Late');
ALTER TABLE shop.customers ADD COLUMN vip boolean NOT NULL DEFAULT false;
DROP TABLE shop.empty;
SELECT nextval('shop.invoice'), nextval('shop.invoice');
REFRESH MATERIALIZED VIEW shop.totals;
SELECT lo_put(4711, 3, 'changed');
SELECT lo_from_bytea(4712, 'second');
