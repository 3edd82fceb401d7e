# The agent, with h2load and wrk. What it has to be granted is in README.md. Made by ./build.
ARG BASE
FROM ${BASE} AS installed
COPY wheels /wheels
RUN python3 -m venv --without-pip /opt/headstart \
    && PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/headstart/bin/python -m pip install --quiet \
        --no-index --find-links /wheels headstart

FROM ${BASE}
COPY --from=installed /opt/headstart /opt/headstart
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
