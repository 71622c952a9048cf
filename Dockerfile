# Builds Celeriac and packs each program alone, on Debian 12 or 13 or Ubuntu 24.04:
#
#   docker build --target api -t celeriac-api .
#   docker build --target worker -t celeriac-worker .
#   docker build --build-arg BASE=debian:12-slim ...
ARG BASE=debian:13-slim

FROM ${BASE} AS build
WORKDIR /src
# Apart from the sources, so that a change of those does not install the packages anew.
COPY cmake/packages cmake/packages
RUN cmake/packages/install build
COPY . .
RUN cmake --preset release -DCELERIAC_TESTS=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --prefix /usr/local --strip
# The packages of the shared libraries that the programs need, whatever this release calls them.
RUN mkdir debian && touch debian/control \
 && dpkg-shlibdeps -O /usr/local/bin/celeriac-api /usr/local/bin/celeriac-worker \
  | sed 's/^shlibs:Depends=//; s/ ([^)]*)//g; s/,//g' >/usr/local/runtime-packages

FROM ${BASE} AS runtime
COPY --from=build /usr/local/runtime-packages /tmp/
# ca-certificates: STARTTLS and rediss:// verify the server.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends ca-certificates $(cat /tmp/runtime-packages) \
 && rm -rf /tmp/runtime-packages /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
 && useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin celeriac
USER celeriac
WORKDIR /

FROM runtime AS worker
COPY --from=build /usr/local/bin/celeriac-worker /usr/local/bin/
# Probes and metrics; the port that celery-exporter has.
ENV CELERIAC_HTTP=0.0.0.0:9808
EXPOSE 9808
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["celeriac-worker", "healthcheck"]
ENTRYPOINT ["celeriac-worker"]
CMD ["-l", "info"]

FROM runtime AS api
USER root
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends curl \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
USER celeriac
COPY --from=build /usr/local/bin/celeriac-api /usr/local/bin/
EXPOSE 8000
# The Host header is one that every ALLOWED_HOSTS accepts.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["curl", "-fsS", "-o", "/dev/null", "-H", "Host: 0.0.0.0", "http://127.0.0.1:8000/health/"]
ENTRYPOINT ["celeriac-api"]
CMD ["--bind", "0.0.0.0:8000"]
