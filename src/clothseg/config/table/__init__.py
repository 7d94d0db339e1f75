"""Tables and figures of papers as data: the files of `conf/table`, without importing torch."""
