CREATE TABLE version (
	version INTEGER NOT NULL,
	store_id VARCHAR(12) DEFAULT '' NOT NULL
);
CREATE TABLE hosts (
	host VARCHAR(253) NOT NULL,
	facts BLOB NOT NULL,
	policy BLOB NOT NULL,
	first_seen_seconds FLOAT NOT NULL,
	last_seen_seconds FLOAT NOT NULL,
	stored_bytes BIGINT DEFAULT '0' NOT NULL,
	drained_seconds FLOAT DEFAULT '0' NOT NULL,
	drain_reason TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (host)
);
CREATE TABLE experiments (
	id INTEGER NOT NULL,
	name VARCHAR(63) NOT NULL,
	revision VARCHAR(128) NOT NULL,
	source_text TEXT NOT NULL,
	experiment BLOB NOT NULL,
	submitted_seconds FLOAT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE batches (
	stream_id VARCHAR(64) NOT NULL,
	sequence BIGINT NOT NULL,
	run_id VARCHAR(40) NOT NULL,
	attempt INTEGER NOT NULL,
	trial BIGINT NOT NULL,
	kind INTEGER NOT NULL,
	rows INTEGER NOT NULL,
	encoding INTEGER NOT NULL,
	decoded_bytes INTEGER NOT NULL,
	crc32 BIGINT NOT NULL,
	payload BLOB NOT NULL,
	PRIMARY KEY (stream_id, sequence)
);
CREATE INDEX batches_by_attempt ON batches (run_id, attempt, sequence);
CREATE TABLE restores (
	made_seconds FLOAT NOT NULL,
	restored_seconds FLOAT NOT NULL
);
CREATE TABLE revoked (
	serial VARCHAR(64) NOT NULL,
	name VARCHAR(253) NOT NULL,
	reason TEXT NOT NULL,
	"by" TEXT NOT NULL,
	revoked_seconds FLOAT NOT NULL,
	PRIMARY KEY (serial, name)
);
CREATE TABLE identities (
	serial VARCHAR(64) NOT NULL,
	name VARCHAR(253) NOT NULL,
	role VARCHAR(40) NOT NULL,
	own BOOLEAN NOT NULL,
	expires_seconds FLOAT NOT NULL,
	first_seen_seconds FLOAT NOT NULL,
	last_seen_seconds FLOAT NOT NULL,
	PRIMARY KEY (serial, name)
);
CREATE TABLE audit (
	id INTEGER NOT NULL,
	time_seconds FLOAT NOT NULL,
	who VARCHAR(253) NOT NULL,
	role VARCHAR(40) NOT NULL,
	serial VARCHAR(64) NOT NULL,
	peer VARCHAR(100) NOT NULL,
	action VARCHAR(60) NOT NULL,
	object TEXT NOT NULL,
	outcome VARCHAR(40) NOT NULL,
	detail TEXT NOT NULL,
	times INTEGER NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX audit_by_time ON audit (time_seconds);
CREATE TABLE tokens (
	token_id VARCHAR(32) NOT NULL,
	secret_hash BLOB NOT NULL,
	role VARCHAR(16) NOT NULL,
	name VARCHAR(253) NOT NULL,
	uses INTEGER NOT NULL,
	uses_left INTEGER NOT NULL,
	made_by TEXT NOT NULL,
	made_seconds FLOAT NOT NULL,
	expires_seconds FLOAT NOT NULL,
	revoked_seconds FLOAT NOT NULL,
	PRIMARY KEY (token_id)
);
CREATE TABLE certificates (
	serial VARCHAR(40) NOT NULL,
	role VARCHAR(16) NOT NULL,
	name VARCHAR(253) NOT NULL,
	issued_seconds FLOAT NOT NULL,
	expires_seconds FLOAT NOT NULL,
	token_id VARCHAR(32) NOT NULL,
	renewed_from VARCHAR(40) NOT NULL,
	revoked_at FLOAT,
	key_hash BLOB NOT NULL,
	certificate BLOB NOT NULL,
	PRIMARY KEY (serial)
);
CREATE INDEX certificates_by_token ON certificates (token_id, key_hash);
CREATE INDEX certificates_by_name ON certificates (role, name);
CREATE TABLE former_names (
	former VARCHAR(253) NOT NULL,
	host VARCHAR(253) NOT NULL,
	renamed_seconds FLOAT NOT NULL,
	PRIMARY KEY (former),
	FOREIGN KEY(host) REFERENCES hosts (host)
);
CREATE TABLE streams (
	stream_id VARCHAR(64) NOT NULL,
	host VARCHAR(253) NOT NULL,
	acked BIGINT NOT NULL,
	mark BIGINT DEFAULT '0' NOT NULL,
	number BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (stream_id),
	FOREIGN KEY(host) REFERENCES hosts (host)
);
CREATE INDEX streams_by_host ON streams (host, number);
CREATE TABLE runs (
	run_id VARCHAR(40) NOT NULL,
	experiment_id INTEGER NOT NULL,
	host VARCHAR(253) NOT NULL,
	facts BLOB NOT NULL,
	state INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	losses INTEGER NOT NULL,
	returns INTEGER DEFAULT '0' NOT NULL,
	stream_id VARCHAR(64) DEFAULT '' NOT NULL,
	cancel_requested BOOLEAN NOT NULL,
	reason TEXT NOT NULL,
	submitted_seconds FLOAT NOT NULL,
	started_seconds FLOAT NOT NULL,
	ended_seconds FLOAT NOT NULL,
	progress BLOB NOT NULL,
	pruned_seconds FLOAT NOT NULL,
	stored_bytes BIGINT DEFAULT '0' NOT NULL,
	priority INTEGER DEFAULT '0' NOT NULL,
	expires_seconds FLOAT DEFAULT '0' NOT NULL,
	candidates TEXT DEFAULT '' NOT NULL,
	end_order BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (run_id),
	FOREIGN KEY(experiment_id) REFERENCES experiments (id),
	FOREIGN KEY(host) REFERENCES hosts (host)
);
CREATE INDEX runs_that_wait ON runs (host) WHERE state = 1;
CREATE INDEX runs_that_any_may_have ON runs (candidates) WHERE state = 1 AND candidates <> '';
CREATE INDEX runs_by_host_and_state ON runs (host, state);
CREATE INDEX runs_by_submission ON runs (experiment_id, run_id);
CREATE INDEX runs_by_end ON runs (end_order);
CREATE TABLE results (
	run_id VARCHAR(40) NOT NULL,
	attempt INTEGER NOT NULL,
	result_json TEXT NOT NULL,
	fault TEXT NOT NULL,
	analysed_seconds FLOAT NOT NULL,
	PRIMARY KEY (run_id),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
CREATE TABLE points (
	run_id VARCHAR(40) NOT NULL,
	variant VARCHAR(63) NOT NULL,
	metric VARCHAR(63) NOT NULL,
	experiment VARCHAR(63) NOT NULL,
	fingerprint VARCHAR(64) NOT NULL,
	setup VARCHAR(12) NOT NULL,
	host VARCHAR(253) NOT NULL,
	cpu_model TEXT NOT NULL,
	revision VARCHAR(128) NOT NULL,
	digest VARCHAR(80) NOT NULL,
	ended_seconds FLOAT NOT NULL,
	value FLOAT NOT NULL,
	trials INTEGER NOT NULL,
	flagged BOOLEAN NOT NULL,
	PRIMARY KEY (run_id, variant, metric),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
CREATE INDEX points_by_series ON points (experiment, variant, metric, fingerprint, setup, ended_seconds);
CREATE TABLE judged (
	run_id VARCHAR(40) NOT NULL,
	judged_seconds FLOAT NOT NULL,
	PRIMARY KEY (run_id),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
CREATE TABLE shifts (
	id INTEGER NOT NULL,
	experiment VARCHAR(63) NOT NULL,
	variant VARCHAR(63) NOT NULL,
	metric VARCHAR(63) NOT NULL,
	fingerprint VARCHAR(64) NOT NULL,
	setup VARCHAR(12) NOT NULL,
	cpu_model TEXT NOT NULL,
	since_run_id VARCHAR(40) NOT NULL,
	since_revision VARCHAR(128) NOT NULL,
	"before" FLOAT NOT NULL,
	"after" FLOAT NOT NULL,
	ratio FLOAT NOT NULL,
	ratio_low FLOAT DEFAULT '0' NOT NULL,
	ratio_high FLOAT DEFAULT '0' NOT NULL,
	worse BOOLEAN NOT NULL,
	state INTEGER NOT NULL,
	confirmation INTEGER NOT NULL,
	first_seen_seconds FLOAT NOT NULL,
	found_by_run_id VARCHAR(40) NOT NULL,
	rerun_run_id VARCHAR(40) NOT NULL,
	note TEXT NOT NULL,
	ended_seconds FLOAT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(since_run_id) REFERENCES runs (run_id),
	FOREIGN KEY(found_by_run_id) REFERENCES runs (run_id)
);
CREATE INDEX shifts_by_experiment ON shifts (experiment, first_seen_seconds);
