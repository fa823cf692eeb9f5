"""The tests of Rekey: on the real engine, and on the vendors' sandbox on a real port."""
