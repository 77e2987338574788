CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, verb TEXT, obj_id TEXT, request TEXT,
    state TEXT, attempts INTEGER, begun REAL, ended REAL, said TEXT, item TEXT);
CREATE INDEX IF NOT EXISTS calls_of ON calls (item);
CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, name TEXT, obj_id TEXT, state TEXT,
    ended REAL, said TEXT);
