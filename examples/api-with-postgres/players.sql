CREATE TABLE players (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, goals integer NOT NULL);
INSERT INTO players (name, goals) SELECT 'Player ' || n, n * 7 % 40 FROM generate_series(1, 100) n;
