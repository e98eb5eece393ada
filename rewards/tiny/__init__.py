"""The bundled reward model: how its data is made and how it is trained and measured."""
