"""How found polygons look: by class, see-through, with an outline that stays visible."""

from __future__ import annotations

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsFillSymbol,
    QgsProcessingLayerPostProcessorInterface,
    QgsRendererCategory,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)

COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000",
)  # fmt: skip
"""Told apart by people who see colours differently. Source: Okabe and Ito (2008)."""
OPACITY = 0.55
CLASS_FIELD = "class"


def style(layer: QgsVectorLayer) -> None:
    """Colour a polygon layer by its classes."""
    place = layer.fields().lookupField(CLASS_FIELD)
    if place < 0:
        layer.setRenderer(QgsSingleSymbolRenderer(_symbol(COLOURS[0])))
    else:
        classes = sorted(layer.uniqueValues(place), key=str)
        categories = [
            QgsRendererCategory(value, _symbol(COLOURS[number % len(COLOURS)]), str(value))
            for number, value in enumerate(classes)
        ]
        layer.setRenderer(QgsCategorizedSymbolRenderer(CLASS_FIELD, categories))
    layer.setOpacity(OPACITY)
    layer.triggerRepaint()


def _symbol(colour: str) -> QgsFillSymbol:
    return QgsFillSymbol.createSimple(
        {"color": colour, "outline_color": "#ffffff", "outline_width": "0.4"}
    )


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Styles a layer once QGIS has loaded it."""

    kept: list[Styler] = []  # noqa: RUF012 (QGIS does not keep a reference of its own)

    @classmethod
    def new(cls) -> Styler:
        """Make one that lives as long as the plugin."""
        styler = cls()
        cls.kept.append(styler)
        return styler

    def postProcessLayer(self, layer, context, feedback):
        """Style the layer; QGIS calls this in its main thread."""
        if isinstance(layer, QgsVectorLayer):
            style(layer)
