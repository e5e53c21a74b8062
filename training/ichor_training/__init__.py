"""Training of Ichor's bundles after Burduja, Ionescu, Verga, Sensors 2020, 20(19), 5611."""

CLASSES = ["epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any"]
