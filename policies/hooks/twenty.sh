#!/bin/sh
# TwentyCRM under Docker Compose takes up its database's new place, or goes back to the old one:
#
#     pgkeep split ... --rewrite /srv/twenty/docker-compose.yml:PG_DATABASE_URL --hook /etc/pgkeep/twenty.sh
#
# pgkeep has rewritten the file before this runs, and sets PGKEEP_SPLIT_PHASE (switch or rollback),
# PGKEEP_SPLIT_DATABASE and PGKEEP_SPLIT_TARGET (a URI without a password). EDIT the two lines below.
set -eu

project=/srv/twenty # the folder of docker-compose.yml
services='server worker'

cd "$project"
echo "twenty: ${PGKEEP_SPLIT_PHASE:?is set by pgkeep} of ${PGKEEP_SPLIT_DATABASE:?is set by pgkeep}"

# Both write, so both stop before either of them starts with the new value.
# shellcheck disable=SC2086 # two words
docker compose stop $services

# A new container, because `restart` would keep the old environment; --no-deps leaves the database and Redis alone.
docker compose up --detach --no-deps --wait --wait-timeout 180 server

# What Twenty has cached of its workspaces and their schemas. Never FLUSHALL: the queues of its jobs share that Redis.
docker compose exec -T server yarn command:prod cache:flush

docker compose up --detach --no-deps worker
