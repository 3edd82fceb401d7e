# The collector: no root, and nothing but its data folder need be writable. Made by ./build.
ARG BASE
FROM ${BASE} AS required
COPY wheels /wheels
# A virtual environment without a pip of its own: nothing is installed into a running container.
# Tests of packages are half of their code; one file of numpy's is imported by numpy.testing.
RUN python3 -m venv --without-pip /opt/headstart \
    && PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/headstart/bin/python -m pip install --quiet \
        --no-compile --no-index --find-links /wheels --requirement /wheels/collector.txt \
    && find /opt/headstart/lib -path '*/tests/*' ! -name _natype.py -type f -delete \
    && /opt/headstart/bin/python -m compileall -q -j 0 /opt/headstart/lib

# Headstart is a layer of its own: where what it requires is the same, a newer one is a few MB to pull.
FROM required AS own
COPY own /own
RUN PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/headstart/bin/python -m pip install --quiet \
        --no-index --no-deps --prefix /installed /own/*.whl

FROM ${BASE}
COPY --from=required /opt/headstart /opt/headstart
COPY --from=own /installed /opt/headstart
# Numbers that no distribution gives out; a volume takes over owner and mode of the folders.
RUN mkdir -m 0700 /var/lib/headstart-collector /run/headstart \
    && chown 64800:64800 /var/lib/headstart-collector /run/headstart
USER 64800:64800
ENV PATH=/opt/headstart/bin:/usr/bin:/bin \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    HEADSTART_COLLECTOR=unix:/run/headstart/collector.sock \
    HEADSTART_COLLECTOR_DATA=/var/lib/headstart-collector \
    HEADSTART_COLLECTOR_LISTEN="unix:/run/headstart/collector.sock 0.0.0.0:7070" \
    HEADSTART_COLLECTOR_ENROLL_LISTEN=0.0.0.0:7071 \
    HEADSTART_COLLECTOR_METRICS_LISTEN=127.0.0.1:9470
EXPOSE 7070 7071
# 503 where the store does not take what comes; with --metrics-tls run it --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['HEADSTART_COLLECTOR_METRICS_LISTEN'].rpartition(':')[2] + '/healthz', timeout=8)"]
ENTRYPOINT ["headstart"]
CMD ["collector"]
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Headstart collector" \
    org.opencontainers.image.description="Receives, stores and judges what agents measure" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
