"""Which model is in production: the folder ``released``, as files that git keeps."""
