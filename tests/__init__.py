"""Tests, in the layout of `src/clothseg`; a package so that child processes can import them."""
