#!/bin/sh
# Put the base images of players-build.yaml, squad-build.yaml and probes.yaml on this host, under
# the names that these files use, so that no build waits for a download:  ./bases.sh
# Other bases:  SDK=registry/sdk:10.0 ASPNET=... DEPS=... ASPNET_CHISELED=... DEPS_CHISELED=... ./bases.sh
set -eu

base() { # name image
    docker image inspect "$2" >/dev/null 2>&1 || docker pull "$2"
    docker tag "$2" "dotnet-players/$1"
}

registry=mcr.microsoft.com/dotnet
base sdk "${SDK:-$registry/sdk:10.0-noble-aot}"
base aspnet "${ASPNET:-$registry/aspnet:10.0}"
base deps "${DEPS:-$registry/runtime-deps:10.0}"
base aspnet-chiseled "${ASPNET_CHISELED:-$registry/aspnet:10.0-noble-chiseled}"
base deps-chiseled "${DEPS_CHISELED:-$registry/runtime-deps:10.0-noble-chiseled}"
