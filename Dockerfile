# Builds Celeriac and packs the programs alone: docker build --target worker|api .
FROM debian:13-slim AS build
WORKDIR /src
COPY cmake/packages cmake/packages
RUN cmake/packages/install build
COPY . .
RUN cmake --preset release -DCELERIAC_TESTS=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --prefix /usr/local --strip

FROM debian:13-slim AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends libcurl4t64 libhiredis1.1.0 libmicrohttpd12t64 libpq5 libssl3t64 \
    zlib1g ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/empty celeriac
USER celeriac

FROM runtime AS worker
COPY --from=build /usr/local/bin/celeriac-worker /usr/local/bin/
ENTRYPOINT ["celeriac-worker"]
CMD ["-l", "info"]

FROM runtime AS api
COPY --from=build /usr/local/bin/celeriac-api /usr/local/bin/
EXPOSE 8000
ENTRYPOINT ["celeriac-api"]
CMD ["--bind", "0.0.0.0:8000"]
