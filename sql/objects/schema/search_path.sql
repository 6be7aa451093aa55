-- Until the end of CREATE EXTENSION: whoever may create in the extension's schema could otherwise lay an
-- operator there that fits an expression of ours better than pg_catalog's.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
