# PostgreSQL with ppm, which is created in the database that the image makes: docker build -t postgres-ppm:17 .
#
#   --build-arg PG_MAJOR=18            another version, from 14
#   --build-arg BASE=postgres:18.3     another image of PostgreSQL on Debian, with the same tools as the official one
#   --build-arg PG_CRON=yes            with pg_cron, which calls ppm.run_all() every hour in the database postgres
ARG PG_MAJOR=17
ARG BASE=postgres:${PG_MAJOR}

FROM ${BASE} AS build
# PG_MAJOR is in the image's environment.
RUN apt-get update && apt-get install -y --no-install-recommends make g++ "postgresql-server-dev-$PG_MAJOR"
COPY . /ppm
RUN make -C /ppm -j"$(nproc)" PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
RUN make -C /ppm install DESTDIR=/installed PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" \
    && strip --strip-unneeded "/installed/usr/lib/postgresql/$PG_MAJOR/lib/ppm.so" \
    && install -D -m 644 -t /installed/usr/share/doc/ppm /ppm/LICENSE \
    && install -D -m 644 -t /installed/docker-entrypoint-initdb.d /ppm/deploy/image/10-ppm.sql

FROM ${BASE}
ARG PG_CRON=
RUN if [ -n "$PG_CRON" ]; then \
        apt-get update \
        && apt-get install -y --no-install-recommends "postgresql-$PG_MAJOR-cron" \
        && rm -rf /var/lib/apt/lists/* \
        && printf "shared_preload_libraries = 'pg_cron'\ncron.use_background_workers = on\n" >>"/usr/share/postgresql/$PG_MAJOR/postgresql.conf.sample"; \
    fi
COPY --from=build /installed/ /
LABEL org.opencontainers.image.title="PostgreSQL with ppm" \
    org.opencontainers.image.description="RANGE partitions managed from inside PostgreSQL" \
    org.opencontainers.image.licenses="PostgreSQL"
