-- The agritech data set: users, fields, crops and, with 2,400,000 of them, some 300 MB of sensor readings.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE fields (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner bigint NOT NULL REFERENCES users,
    name text NOT NULL,
    hectares numeric(8, 2) NOT NULL
);
CREATE TABLE crops (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    field bigint NOT NULL REFERENCES fields,
    kind text NOT NULL,
    sown date NOT NULL
);
CREATE TABLE sensor_readings (
    field bigint NOT NULL,
    measured_at timestamptz NOT NULL,
    moisture real NOT NULL,
    temperature real NOT NULL,
    report text NOT NULL
);
INSERT INTO users (name, email, created_at)
SELECT 'user ' || i, 'user' || i || '@example.org', '2026-01-01 00:00+00'::timestamptz + i * interval '1 minute'
FROM generate_series(1, 10000) i;
INSERT INTO fields (owner, name, hectares)
SELECT 1 + i % 10000, 'field ' || i, 1 + (i * 7919 % 10000) / 100.0 FROM generate_series(1, 50000) i;
INSERT INTO crops (field, kind, sown)
SELECT 1 + i % 50000, (ARRAY['wheat', 'maize', 'barley', 'rape', 'beet'])[1 + i % 5], date '2026-03-01' + i % 90
FROM generate_series(1, 100000) i;
INSERT INTO sensor_readings
SELECT 1 + i % 50000, '2026-01-01 00:00+00'::timestamptz + i * interval '10 seconds',
       (i * 7919 % 1000) / 10.0, 5 + (i * 104729 % 3000) / 100.0,
       'station ' || i % 97 || ', battery ' || 3000 + i * 31 % 1200 || ' mV, signal ' || -40 - i * 17 % 60 || ' dBm, firmware 2.1.7'
FROM generate_series(1::bigint, :readings) i;
CREATE INDEX ON sensor_readings USING brin (measured_at);
