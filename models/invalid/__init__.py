"""Pictures that are no signature, in families: drawn marks, print, stamps, logos, blanks, photographs."""
