CREATE TABLE version (
	version INTEGER NOT NULL
);
CREATE TABLE hosts (
	host VARCHAR(253) NOT NULL,
	facts BLOB NOT NULL,
	policy BLOB NOT NULL,
	first_seen_seconds FLOAT NOT NULL,
	last_seen_seconds FLOAT NOT NULL,
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
CREATE TABLE streams (
	stream_id VARCHAR(64) NOT NULL,
	host VARCHAR(253) NOT NULL,
	acked BIGINT NOT NULL,
	PRIMARY KEY (stream_id),
	FOREIGN KEY(host) REFERENCES hosts (host)
);
CREATE TABLE runs (
	run_id VARCHAR(40) NOT NULL,
	experiment_id INTEGER NOT NULL,
	host VARCHAR(253) NOT NULL,
	facts BLOB NOT NULL,
	state INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	losses INTEGER NOT NULL,
	cancel_requested BOOLEAN NOT NULL,
	reason TEXT NOT NULL,
	submitted_seconds FLOAT NOT NULL,
	started_seconds FLOAT NOT NULL,
	ended_seconds FLOAT NOT NULL,
	progress BLOB NOT NULL,
	pruned_seconds FLOAT NOT NULL,
	PRIMARY KEY (run_id),
	FOREIGN KEY(experiment_id) REFERENCES experiments (id),
	FOREIGN KEY(host) REFERENCES hosts (host)
);
CREATE INDEX runs_by_host_and_state ON runs (host, state);
CREATE INDEX runs_by_time ON runs (submitted_seconds);
CREATE TABLE results (
	run_id VARCHAR(40) NOT NULL,
	attempt INTEGER NOT NULL,
	result_json TEXT NOT NULL,
	fault TEXT NOT NULL,
	analysed_seconds FLOAT NOT NULL,
	PRIMARY KEY (run_id),
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
