-- chronos: the workspace with nine tenths of TwentyCRM's records.
\ir generate.psql
\ir workspaces.psql
\set workspace :large
SELECT 0.9 * :scale AS share \gset
\ir workspace.psql
