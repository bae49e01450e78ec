-- chronos: the workspace with one tenth of TwentyCRM's records.
\ir generate.psql
\ir workspaces.psql
\set workspace :small
SELECT 0.1 * :scale AS share \gset
\ir workspace.psql
