# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --profile dist --features jemalloc --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 vidimus \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin vidimus \
    && install --directory --owner vidimus --group vidimus --mode 0700 /data
COPY --from=build /src/target/dist/vidimus /usr/local/bin/vidimus
COPY upstreams /etc/vidimus/upstreams
COPY overlays /etc/vidimus/overlays
# A published port is reachable from outside the container; the operator puts a TLS proxy in front.
RUN echo 'behind_tls_proxy = true' > /etc/vidimus/vidimus.toml
ENV VIDIMUS_CONFIG=/etc/vidimus/vidimus.toml \
    VIDIMUS_DATA=/data \
    VIDIMUS_UPSTREAMS=/etc/vidimus/upstreams \
    VIDIMUS_OVERLAYS=/etc/vidimus/overlays \
    VIDIMUS_LISTEN=0.0.0.0:8080
# Numbers: Kubernetes compares them for `runAsNonRoot`, and cannot look a name up.
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["curl", "--fail", "--silent", "http://127.0.0.1:8081/livez"]
ENTRYPOINT ["vidimus"]
CMD ["serve"]
