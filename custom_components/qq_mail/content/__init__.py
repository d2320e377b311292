"""From a call's fields to the material of a mail: text, pictures, files, charts."""
