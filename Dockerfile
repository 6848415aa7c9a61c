# The image that `cargo xtask image` makes, for those who would rather let docker build it:
#
#     docker build --tag localhost/zerohop:0.1.0 .
#
# The builder is an image with Debian 12's packages, or one with rustup:
#
#     docker build --build-arg BUILDER=rust:1.95-bookworm --tag localhost/zerohop:0.1.0 .

ARG BUILDER=debian:bookworm
FROM ${BUILDER} AS builder
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates gcc libc6-dev \
    && if ! command -v cargo; then apt-get install --yes --no-install-recommends cargo-web; fi
WORKDIR /zerohop
COPY . .
# Whatever else is needed for the BPF object is installed by the verb itself, which has all flags.
RUN cargo xtask image \
    && mkdir /image \
    && cp target/static/*/image/zerohop /image/

# What follows is compared with the verb's own image by a test.
FROM scratch
LABEL org.opencontainers.image.description="Cluster DNS answered in the kernel"
LABEL org.opencontainers.image.licenses="Apache-2.0 OR MIT"
LABEL org.opencontainers.image.title="zerohop"
LABEL org.opencontainers.image.version="0.1.0"
COPY --from=builder /image/zerohop /zerohop
ENTRYPOINT ["/zerohop"]
