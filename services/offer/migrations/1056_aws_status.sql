-- AWS's word for the change set under way, while it is one that is not known here (O9).
ALTER TABLE offer ADD COLUMN aws_status text;
