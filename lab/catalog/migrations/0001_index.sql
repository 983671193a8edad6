-- The index of journal and run folders. Everything here can be thrown away and rebuilt.
-- No foreign keys: DuckDB refuses upserts of a referenced row.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR);

-- How far each journal segment has been read; moved on in the same transaction as the rows.
CREATE TABLE segments (name VARCHAR PRIMARY KEY, read_to BIGINT NOT NULL);

-- Ids of all events taken in: an event that is met again changes nothing.
CREATE TABLE events (id VARCHAR PRIMARY KEY, ts DOUBLE, type VARCHAR, subject VARCHAR);

CREATE TABLE damage (segment VARCHAR, line BIGINT, reason VARCHAR, PRIMARY KEY (segment, line));

CREATE TABLE projects (name VARCHAR PRIMARY KEY, root VARCHAR, created DOUBLE, event VARCHAR);

CREATE TABLE dataset_versions (
    project VARCHAR, dataset VARCHAR, number INTEGER, id VARCHAR, path VARCHAR, created DOUBLE,
    files BIGINT, bytes BIGINT, rows BIGINT, columns JSON, message VARCHAR,
    PRIMARY KEY (project, dataset, number)
);
CREATE TABLE dataset_aliases (
    project VARCHAR, dataset VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR,
    PRIMARY KEY (project, dataset, alias)
);

-- Each event type owns columns of its own, so that events may arrive in any order.
-- params and metrics stand here as JSON to be shown, and long in the two tables below to be searched and sorted.
CREATE TABLE runs (
    id VARCHAR PRIMARY KEY,
    name VARCHAR, project VARCHAR, entry VARCHAR, engine VARCHAR, image VARCHAR, code VARCHAR, sweep VARCHAR,
    seed BIGINT, memory BIGINT, launcher VARCHAR, params JSON, datasets JSON, created DOUBLE,
    started DOUBLE,
    stop_requested DOUBLE,
    ending VARCHAR, cause VARCHAR, exit_code INTEGER, authority INTEGER, ended DOUBLE, metrics JSON, ended_event VARCHAR,
    tags VARCHAR[], tags_event VARCHAR,
    notes VARCHAR, notes_event VARCHAR
);
CREATE TABLE run_params (run VARCHAR, key VARCHAR, value VARCHAR, number DOUBLE);
CREATE TABLE run_metrics (run VARCHAR, key VARCHAR, last DOUBLE, min DOUBLE, max DOUBLE, mean DOUBLE);

CREATE TABLE model_versions (
    model VARCHAR, number INTEGER, manifest VARCHAR, framework VARCHAR, run VARCHAR, project VARCHAR, created DOUBLE,
    bytes BIGINT, signature JSON, metrics JSON, datasets JSON,
    PRIMARY KEY (model, number)
);
CREATE TABLE model_aliases (
    model VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR,
    PRIMARY KEY (model, alias)
);

CREATE TABLE deployments (
    id VARCHAR PRIMARY KEY,
    name VARCHAR, model VARCHAR, version INTEGER, alias VARCHAR, engine VARCHAR, port INTEGER, image VARCHAR,
    created DOUBLE,
    status VARCHAR, cause VARCHAR, ready DOUBLE, ended DOUBLE, status_event VARCHAR
);
