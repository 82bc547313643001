-- Which deal a task is about, where whoever scheduled it knew: the lines of its runs name it from the
-- first on (P6). What was scheduled before names none until it finds out.
ALTER TABLE task ADD COLUMN engagement text;
