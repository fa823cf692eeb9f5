"""What any front end does with the core, in plain dicts; neither Pulumi nor gRPC is known here."""
