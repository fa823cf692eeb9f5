"""The front end: typed constructors for programs, and the dynamic provider that answers the engine."""
