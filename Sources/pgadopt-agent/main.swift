// The entry point takes the place of this file.
