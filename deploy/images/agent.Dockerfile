# The agent, with h2load and wrk. What it has to be granted is in README.md. Made by ./build.
ARG BASE
FROM ${BASE} AS required
COPY wheels /wheels
# A virtual environment without a pip of its own: nothing is installed into a running container.
RUN python3 -m venv --without-pip /opt/headstart \
    && PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/headstart/bin/python -m pip install --quiet \
        --no-compile --no-index --find-links /wheels --requirement /wheels/agent.txt \
    && /opt/headstart/bin/python -m compileall -q -j 0 /opt/headstart/lib

# Headstart is a layer of its own: where what it requires is the same, a newer one is a few MB to pull.
FROM required AS own
COPY own /own
RUN PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/headstart/bin/python -m pip install --quiet \
        --no-index --no-deps --prefix /installed /own/*.whl

FROM ${BASE}
COPY --from=required /opt/headstart /opt/headstart
COPY --from=own /installed /opt/headstart
ENV PATH=/opt/headstart/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HEADSTART_AGENT_STATE=/var/lib/headstart-agent \
    HEADSTART_AGENT_POLICY=/etc/headstart/policy.toml
ENTRYPOINT ["headstart"]
CMD ["agent"]
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Headstart agent" \
    org.opencontainers.image.description="Measures on its host what a collector asks for" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
