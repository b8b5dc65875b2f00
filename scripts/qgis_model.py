"""Writes the plugin's model: ``/usr/bin/python3 scripts/qgis_model.py``, with QGIS's own Python.

The model is a raster and clicks in, an adapter and polygons out. Run it again when a parameter of
the algorithms is renamed; a test runs what is in the plugin.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
)
from qgis.PyQt.QtCore import QPointF
from qgis.testing import start_app

ROOT = Path(__file__).parents[1]
NAME = "clicks_to_polygons"
HELP = (
    "Adapts the Segment Anything Model to your raster from the clicks of a point layer, then "
    "segments the clicked objects with it. Open it in the model designer to add steps of your own."
)
SHARED = ("RASTER", "POINTS", "CLASS_FIELD")
"""Inputs that both steps take."""


def inputs():
    """Give the model's own parameters."""
    epochs = QgsProcessingParameterNumber(
        "EPOCHS", "Passes over the images (0: the usual number)", defaultValue=0, minValue=0
    )
    epochs.setDataType(QgsProcessingParameterNumber.Double)
    return [
        QgsProcessingParameterRasterLayer("RASTER", "Raster"),
        QgsProcessingParameterFeatureSource(
            "POINTS", "Clicks (point layer)", [QgsProcessing.TypeVectorPoint]
        ),
        QgsProcessingParameterField(
            "CLASS_FIELD", "Field of the class", parentLayerParameterName="POINTS", optional=True
        ),
        epochs,
    ]


def step(algorithm, title, output, shown, given, *, x, y):
    """Give one step: which inputs it takes, and which of its outputs is the model's."""
    child = QgsProcessingModelChildAlgorithm(f"pointsam:{algorithm}")
    child.setChildId(algorithm)
    child.setDescription(title)
    child.setPosition(QPointF(x, y))
    for name, source in given.items():
        child.addParameterSources(name, [source])
    out = QgsProcessingModelOutput(shown, shown)
    out.setChildId(algorithm)
    out.setChildOutputName(output)
    child.setModelOutputs({shown: out})
    return child


def make():
    """Put the model together."""
    source = QgsProcessingModelChildParameterSource
    model = QgsProcessingModelAlgorithm(NAME, "")
    for place, parameter in enumerate(inputs()):
        shown = QgsProcessingModelParameter(parameter.name())
        shown.setPosition(QPointF(120 + 220 * place, 60))
        model.addModelParameter(parameter, shown)
    shared = {name: source.fromModelParameter(name) for name in SHARED}
    model.addChildAlgorithm(
        step("adapt", "Adapt to the clicked objects", "OUTPUT", "Adapter",
             {**shared, "EPOCHS": source.fromModelParameter("EPOCHS")}, x=300, y=200)
    )  # fmt: skip
    model.addChildAlgorithm(
        step("segmentclicked", "Segment the clicked objects", "OUTPUT", "Polygons",
             {**shared, "ADAPTER": source.fromChildOutput("adapt", "OUTPUT")}, x=520, y=340)
    )  # fmt: skip
    model.setHelpContent({"ALG_DESC": HELP})
    return model


def main():
    """Write the file."""
    start_app()
    sys.path += [str(ROOT / "qgis"), str(Path(QgsApplication.pkgDataPath(), "python", "plugins"))]
    from pointsam.provider import PointsamProvider

    provider = PointsamProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    path = ROOT / "qgis" / "pointsam" / "models" / f"{NAME}.model3"
    if not make().toFile(str(path)):
        raise SystemExit(f"{path} cannot be written")
    sys.stdout.write(f"{path}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # QGIS without a screen may crash while Python takes it apart
