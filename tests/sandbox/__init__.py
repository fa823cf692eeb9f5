"""The vendors' servers, tested over HTTP."""
