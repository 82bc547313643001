-- What the sample services of these tests write.
CREATE TABLE note (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic  text   NOT NULL,
    body   text   NOT NULL
);
CREATE TABLE keepsake (body text NOT NULL);
