# The bases of both images where a registry can be reached. Not built by the project's tests,
# which have none: ./build --offline makes the same of Debian's packages alone.
FROM debian:bookworm-slim AS collector
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

FROM collector AS agent
RUN apt-get update \
    && apt-get install -y --no-install-recommends nghttp2-client wrk \
    && rm -rf /var/lib/apt/lists/*
