"""Data that bundles may be trained on: their licences and whom they are due to, by the `source` of studies."""

SOURCES = {
    "CT-ICH 1.0.0": {
        "name": "CT-ICH 1.0.0",
        "licence": "CC BY 4.0",
        "attribution": "Hssayeni M. et al., Computed Tomography Images for Intracranial Hemorrhage Detection and "
        "Segmentation, PhysioNet 2020, doi 10.13026/w8q8-ky94; Data 2020, 5(1), 14",
    },
    "RSNA 2019": {
        "name": "RSNA 2019 Brain CT Hemorrhage Challenge",
        "licence": "RSNA terms: non-commercial research and education",
        "attribution": "Flanders A. et al., Construction of a Machine Learning Dataset through Collaboration, "
        "Radiology: AI 2020, 2(3), e190211",
    },
    "phantoms": {"name": "Ichor phantoms (synthetic)", "licence": "MIT", "attribution": "made by `ichor phantom`"},
}
