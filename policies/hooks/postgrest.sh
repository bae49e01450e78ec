#!/bin/sh
# PostgREST under Docker Compose takes up its database's new place, or goes back to the old one:
#
#     pgkeep split ... --rewrite /srv/api/.env:PGRST_DB_URI --hook /etc/pgkeep/postgrest.sh
#
# pgkeep has rewritten the file before this runs, and sets PGKEEP_SPLIT_PHASE (switch or rollback),
# PGKEEP_SPLIT_DATABASE and PGKEEP_SPLIT_TARGET (a URI without a password). EDIT the two lines below.
set -eu

project=/srv/api # the folder of docker-compose.yml
service=postgrest

cd "$project"
echo "postgrest: ${PGKEEP_SPLIT_PHASE:?is set by pgkeep} of ${PGKEEP_SPLIT_DATABASE:?is set by pgkeep}"

# Neither a signal nor NOTIFY moves PostgREST to another db-uri: it reads that once. A new container reads the schema too.
# Without Compose: systemctl restart postgrest
docker compose up --detach --no-deps --force-recreate "$service"

# It answers before it has read the schema; PGRST_ADMIN_SERVER_PORT (3001 here) says when it has.
# until curl --fail --silent --output /dev/null http://localhost:3001/ready; do sleep 0.2; done
