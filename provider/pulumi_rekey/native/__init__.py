"""The native provider plugin: a second adapter to Pulumi, for previews that know, imports and other languages."""
