#!/bin/sh
# Build the images of players.yaml and squad.yaml:  examples/dotnet-players/build.sh
# Other bases:  SDK=registry/sdk:10.0 ASPNET=... DEPS=... examples/dotnet-players/build.sh
set -eu
cd "$(dirname "$0")"

build() { # folder kind [base]
    set -- "$1" "$2" "${3:-}"
    docker build --tag "$1:$2" --file "$1/Dockerfile.$2" \
        ${SDK:+--build-arg "SDK=$SDK"} ${3:+--build-arg "BASE=$3"} ${NETWORK:+--network "$NETWORK"} "$1"
}

for kind in jit-deps r2r-deps; do build players "$kind" "${ASPNET_CHISELED:-}"; done
for kind in jit-debian r2r-debian; do build players "$kind" "${ASPNET:-}"; done
build players aot-deps "${DEPS_CHISELED:-}"
build players aot-debian "${DEPS:-}"
# A static binary needs libsqlite3.a in the SDK image (Debian: libsqlite3-dev).
build players aot-scratch && build players aot-scratch-root
for kind in jit-debian r2r-debian probes-jit; do build squad "$kind" "${ASPNET:-}"; done
for kind in aot-debian probes-aot; do build squad "$kind" "${DEPS:-}"; done
