CREATE TABLE public.audit (
    id bigint NOT NULL,
    time_seconds double precision NOT NULL,
    who text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    serial text NOT NULL COLLATE pg_catalog."C",
    peer text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    object text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    detail text NOT NULL COLLATE pg_catalog."C",
    times bigint NOT NULL
);
CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;
CREATE TABLE public.batches (
    run_id text NOT NULL COLLATE pg_catalog."C",
    stream_id text NOT NULL COLLATE pg_catalog."C",
    trial bigint NOT NULL,
    kind bigint NOT NULL,
    rows bigint NOT NULL,
    encoding bigint NOT NULL,
    decoded_bytes bigint NOT NULL,
    crc32 bigint NOT NULL,
    payload bytea NOT NULL,
    sequence bigint NOT NULL,
    attempt bigint NOT NULL
)
PARTITION BY RANGE (run_id);
ALTER TABLE ONLY public.batches ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE public.batches_after (
    run_id text NOT NULL COLLATE pg_catalog."C",
    stream_id text NOT NULL COLLATE pg_catalog."C",
    trial bigint NOT NULL,
    kind bigint NOT NULL,
    rows bigint NOT NULL,
    encoding bigint NOT NULL,
    decoded_bytes bigint NOT NULL,
    crc32 bigint NOT NULL,
    payload bytea NOT NULL,
    sequence bigint NOT NULL,
    attempt bigint NOT NULL
);
ALTER TABLE ONLY public.batches_after ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE public.batches_before (
    run_id text NOT NULL COLLATE pg_catalog."C",
    stream_id text NOT NULL COLLATE pg_catalog."C",
    trial bigint NOT NULL,
    kind bigint NOT NULL,
    rows bigint NOT NULL,
    encoding bigint NOT NULL,
    decoded_bytes bigint NOT NULL,
    crc32 bigint NOT NULL,
    payload bytea NOT NULL,
    sequence bigint NOT NULL,
    attempt bigint NOT NULL
);
ALTER TABLE ONLY public.batches_before ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE public.certificates (
    serial text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    issued_seconds double precision NOT NULL,
    expires_seconds double precision NOT NULL,
    token_id text NOT NULL COLLATE pg_catalog."C",
    renewed_from text NOT NULL COLLATE pg_catalog."C",
    revoked_at double precision,
    key_hash bytea NOT NULL,
    certificate bytea NOT NULL
);
CREATE TABLE public.experiments (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    revision text NOT NULL COLLATE pg_catalog."C",
    source_text text NOT NULL COLLATE pg_catalog."C",
    experiment bytea NOT NULL,
    submitted_seconds double precision NOT NULL
);
CREATE SEQUENCE public.experiments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.experiments_id_seq OWNED BY public.experiments.id;
CREATE TABLE public.former_names (
    former text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    renamed_seconds double precision NOT NULL
);
CREATE TABLE public.hosts (
    host text NOT NULL COLLATE pg_catalog."C",
    facts bytea NOT NULL,
    policy bytea NOT NULL,
    first_seen_seconds double precision NOT NULL,
    last_seen_seconds double precision NOT NULL,
    stored_bytes bigint DEFAULT '0'::bigint NOT NULL,
    drained_seconds double precision DEFAULT '0'::double precision NOT NULL,
    drain_reason text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.identities (
    serial text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    own boolean NOT NULL,
    expires_seconds double precision NOT NULL,
    first_seen_seconds double precision NOT NULL,
    last_seen_seconds double precision NOT NULL
);
CREATE TABLE public.judged (
    run_id text NOT NULL COLLATE pg_catalog."C",
    judged_seconds double precision NOT NULL
);
CREATE TABLE public.last_group (
    one bigint NOT NULL,
    name character varying NOT NULL
);
CREATE TABLE public.points (
    run_id text NOT NULL COLLATE pg_catalog."C",
    variant text NOT NULL COLLATE pg_catalog."C",
    metric text NOT NULL COLLATE pg_catalog."C",
    experiment text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    setup text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    cpu_model text NOT NULL COLLATE pg_catalog."C",
    revision text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    ended_seconds double precision NOT NULL,
    value double precision NOT NULL,
    trials bigint NOT NULL,
    flagged boolean NOT NULL
);
CREATE TABLE public.restores (
    made_seconds double precision NOT NULL,
    restored_seconds double precision NOT NULL
);
CREATE TABLE public.results (
    run_id text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    result_json text NOT NULL COLLATE pg_catalog."C",
    fault text NOT NULL COLLATE pg_catalog."C",
    analysed_seconds double precision NOT NULL
);
CREATE TABLE public.revoked (
    serial text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    by text NOT NULL COLLATE pg_catalog."C",
    revoked_seconds double precision NOT NULL
);
CREATE TABLE public.runs (
    run_id text NOT NULL COLLATE pg_catalog."C",
    experiment_id bigint NOT NULL,
    host text NOT NULL COLLATE pg_catalog."C",
    facts bytea NOT NULL,
    state bigint NOT NULL,
    attempt bigint NOT NULL,
    losses bigint NOT NULL,
    returns bigint DEFAULT '0'::bigint NOT NULL,
    stream_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    cancel_requested boolean NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    submitted_seconds double precision NOT NULL,
    started_seconds double precision NOT NULL,
    ended_seconds double precision NOT NULL,
    progress bytea NOT NULL,
    pruned_seconds double precision NOT NULL,
    stored_bytes bigint DEFAULT '0'::bigint NOT NULL,
    priority bigint DEFAULT '0'::bigint NOT NULL,
    expires_seconds double precision DEFAULT '0'::double precision NOT NULL,
    candidates text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    end_order bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.shifts (
    id bigint NOT NULL,
    experiment text NOT NULL COLLATE pg_catalog."C",
    variant text NOT NULL COLLATE pg_catalog."C",
    metric text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    setup text NOT NULL COLLATE pg_catalog."C",
    cpu_model text NOT NULL COLLATE pg_catalog."C",
    since_run_id text NOT NULL COLLATE pg_catalog."C",
    since_revision text NOT NULL COLLATE pg_catalog."C",
    before double precision NOT NULL,
    after double precision NOT NULL,
    ratio double precision NOT NULL,
    ratio_low double precision DEFAULT '0'::double precision NOT NULL,
    ratio_high double precision DEFAULT '0'::double precision NOT NULL,
    worse boolean NOT NULL,
    state bigint NOT NULL,
    confirmation bigint NOT NULL,
    first_seen_seconds double precision NOT NULL,
    found_by_run_id text NOT NULL COLLATE pg_catalog."C",
    rerun_run_id text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    ended_seconds double precision NOT NULL
);
CREATE SEQUENCE public.shifts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.shifts_id_seq OWNED BY public.shifts.id;
CREATE TABLE public.streams (
    stream_id text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    acked bigint NOT NULL,
    mark bigint DEFAULT '0'::bigint NOT NULL,
    number bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.tokens (
    token_id text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    role text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    uses bigint NOT NULL,
    uses_left bigint NOT NULL,
    made_by text NOT NULL COLLATE pg_catalog."C",
    made_seconds double precision NOT NULL,
    expires_seconds double precision NOT NULL,
    revoked_seconds double precision NOT NULL
);
CREATE TABLE public.version (
    version bigint NOT NULL,
    store_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE ONLY public.batches ATTACH PARTITION public.batches_after FOR VALUES FROM (':') TO (MAXVALUE);
ALTER TABLE ONLY public.batches ATTACH PARTITION public.batches_before FOR VALUES FROM (MINVALUE) TO ('0');
ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);
ALTER TABLE ONLY public.experiments ALTER COLUMN id SET DEFAULT nextval('public.experiments_id_seq'::regclass);
ALTER TABLE ONLY public.shifts ALTER COLUMN id SET DEFAULT nextval('public.shifts_id_seq'::regclass);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (run_id, sequence, attempt);
ALTER TABLE ONLY public.batches_after
    ADD CONSTRAINT batches_after_pkey PRIMARY KEY (run_id, sequence, attempt);
ALTER TABLE ONLY public.batches_before
    ADD CONSTRAINT batches_before_pkey PRIMARY KEY (run_id, sequence, attempt);
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT certificates_pkey PRIMARY KEY (serial);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.former_names
    ADD CONSTRAINT former_names_pkey PRIMARY KEY (former);
ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT hosts_pkey PRIMARY KEY (host);
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (serial, name);
ALTER TABLE ONLY public.judged
    ADD CONSTRAINT judged_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.last_group
    ADD CONSTRAINT last_group_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.points
    ADD CONSTRAINT points_pkey PRIMARY KEY (run_id, variant, metric);
ALTER TABLE ONLY public.results
    ADD CONSTRAINT results_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.revoked
    ADD CONSTRAINT revoked_pkey PRIMARY KEY (serial, name);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (stream_id);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (token_id);
CREATE INDEX audit_by_time ON public.audit USING btree (time_seconds);
CREATE INDEX certificates_by_name ON public.certificates USING btree (role, name);
CREATE INDEX certificates_by_token ON public.certificates USING btree (token_id, key_hash);
CREATE INDEX points_by_series ON public.points USING btree (experiment, variant, metric, fingerprint, setup, ended_seconds);
CREATE INDEX runs_by_end ON public.runs USING btree (end_order);
CREATE INDEX runs_by_host_and_state ON public.runs USING btree (host, state);
CREATE INDEX runs_by_submission ON public.runs USING btree (experiment_id, run_id);
CREATE INDEX runs_that_any_may_have ON public.runs USING btree (candidates) WHERE ((state = 1) AND (candidates <> ''::text));
CREATE INDEX runs_that_wait ON public.runs USING btree (host) WHERE (state = 1);
CREATE INDEX shifts_by_experiment ON public.shifts USING btree (experiment, first_seen_seconds);
CREATE INDEX streams_by_host ON public.streams USING btree (host, number);
ALTER INDEX public.batches_pkey ATTACH PARTITION public.batches_after_pkey;
ALTER INDEX public.batches_pkey ATTACH PARTITION public.batches_before_pkey;
ALTER TABLE ONLY public.former_names
    ADD CONSTRAINT former_names_host_fkey FOREIGN KEY (host) REFERENCES public.hosts(host);
ALTER TABLE ONLY public.judged
    ADD CONSTRAINT judged_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.points
    ADD CONSTRAINT points_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.results
    ADD CONSTRAINT results_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiments(id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_host_fkey FOREIGN KEY (host) REFERENCES public.hosts(host);
ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_found_by_run_id_fkey FOREIGN KEY (found_by_run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_since_run_id_fkey FOREIGN KEY (since_run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_host_fkey FOREIGN KEY (host) REFERENCES public.hosts(host);
