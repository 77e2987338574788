PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS about (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS user_groups (id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS taxonomies (id INTEGER PRIMARY KEY, name TEXT, version TEXT,
    provenance TEXT, hierarchy JSON, UNIQUE (name, version));
CREATE TABLE IF NOT EXISTS instruments (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS sources (id TEXT PRIMARY KEY, ra REAL, dec REAL,
    created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now')));
CREATE INDEX IF NOT EXISTS sources_dec ON sources (dec);
CREATE TABLE IF NOT EXISTS saved (obj_id TEXT REFERENCES sources, group_id INTEGER,
    PRIMARY KEY (obj_id, group_id));
CREATE TABLE IF NOT EXISTS classifications (id INTEGER PRIMARY KEY,
    obj_id TEXT REFERENCES sources, classification TEXT, taxonomy_id INTEGER, probability REAL,
    origin TEXT, ml BOOLEAN, groups JSON, votes INTEGER,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX IF NOT EXISTS classifications_of ON classifications (obj_id);
CREATE TABLE IF NOT EXISTS annotations (id INTEGER PRIMARY KEY, obj_id TEXT REFERENCES sources,
    origin TEXT, data JSON, groups JSON, created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (obj_id, origin));
CREATE TABLE IF NOT EXISTS comments (id INTEGER PRIMARY KEY, obj_id TEXT REFERENCES sources,
    text TEXT, attachment_name TEXT, attachment BLOB, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX IF NOT EXISTS comments_on ON comments (obj_id);
CREATE TABLE IF NOT EXISTS photometry (obj_id TEXT REFERENCES sources, instrument_id INTEGER,
    mjd REAL, filter TEXT, mag REAL, magerr REAL, limiting_mag REAL, magsys TEXT, ra REAL, dec REAL,
    UNIQUE (obj_id, instrument_id, mjd, filter));
CREATE TABLE IF NOT EXISTS labels (obj_id TEXT REFERENCES sources, labeller_id INTEGER,
    UNIQUE (obj_id, labeller_id));
INSERT OR IGNORE INTO instruments VALUES (1, 'ZTF');
INSERT INTO about SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM about);
