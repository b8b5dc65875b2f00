"""The graphs that label tools run: an encoder of pixels, and a decoder of features and clicks.

The tools fix names, order and shapes of all inputs. Their input is always 1024 pixels wide; the
graph of a model with another side resizes it inside.

Source: segment_anything, utils/onnx.py, and samexporter, sam2_onnx.py, for the names. Theirs adds
``(points - 2.5) * 1000`` to the single mask's score, so that it is never chosen for one click with
its padding point. Training here adapts the single mask, so these graphs always give that one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointsam.frames import LOW_RES_STRIDE, to_edges, to_middles
from pointsam.models.decoders.prompt_tokens import PromptTokens
from pointsam.models.decoders.sam_hq import hq_features
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.segmenter import PIXEL_MEAN, PIXEL_STD, Embedding, ImageTerms, Segmenter

TOOL_SIDE = 1024
"""Side of the square input that the tools count in, in pixels."""
TOOL_SIZE = (684, 1024)
"""Height and width of the image that AnyLabeling gives an encoder, padded right and below."""


class Encoder(nn.Module):
    """Encodes normalised and padded pixels, ``1 3 1024 1024``, to features."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Give the embedding, then the other features that the family's decoder reads."""
        side = self.model.side
        if image.shape[-1] != side:
            image = F.interpolate(
                image, (side, side), mode="bilinear", antialias=image.shape[-1] > side
            )
        embedding = self.model.encode_adapted(self.model.encode_frozen(image))
        return embedding.image, *embedding.extras


class PictureEncoder(nn.Module):
    """Encodes a picture, ``height width 3`` of RGB values 0 to 255, to features.

    A side has at most 1024 pixels. AnyLabeling gives 684 x 1024, padded right and below;
    samexporter gives an image whose longer side is 1024.
    """

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.encoder = Encoder(model)
        self.mean = nn.Buffer(torch.tensor(PIXEL_MEAN))
        self.std = nn.Buffer(torch.tensor(PIXEL_STD))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Normalise, pad right and below with zeros, encode."""
        pixels = ((image - self.mean) / self.std).permute(2, 0, 1)[None]
        height, width = image.shape[:2]
        features: tuple[Tensor, ...] = self.encoder(
            F.pad(pixels, (0, TOOL_SIDE - width, 0, TOOL_SIDE - height))
        )
        return features


class PyramidEncoder(nn.Module):
    """SAM 2's encoder: it encodes ``1 3 side side`` pixels to three maps, finest first."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode."""
        embedding = self.model.encode_adapted(self.model.encode_frozen(image))
        fine, middle = embedding.extras
        return fine, middle, embedding.image


class Decoding(nn.Module):
    """Decodes features and clicks to mask logits; each decoder below holds one.

    It changes the model that it is given: the prompt encoder is replaced.
    """

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        root = model.peft_root
        self.tokens = PromptTokens(root.prompt_encoder)
        root.prompt_encoder = self.tokens
        self.model = model

    def forward(
        self,
        embedding: Embedding,
        points: Tensor,
        labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Decode instances with equally many points, and an optional mask prompt."""
        side = self.model.side // LOW_RES_STRIDE
        if mask_input.shape[-1] != side:
            mask_input = F.interpolate(mask_input, (side, side), mode="bilinear")
        nothing = self.tokens.no_mask_embed.weight.reshape(1, -1, 1, 1)
        given = self.tokens.encoder.mask_embed(mask_input[:1]) - nothing
        # `prepare` adds the embedding of no mask itself
        shown = embedding.image + has_mask_input.reshape(1, 1, 1, 1) * given
        terms = self.model.prepare(Embedding(shown, embedding.extras))
        if isinstance(self.model, SamHQ):
            sharp = hq_features(self.model.sam.mask_decoder, embedding)
            terms = ImageTerms((*terms.tensors[:-1], sharp))
        found = self.model.decode_chunk(terms, points, labels.to(torch.int64))
        return found.low_res_logits, found.iou_prediction


class ObjectDecoder(nn.Module):
    """Decodes one object in the image: its mask, SAM's estimate of its IoU, low-res logits.

    The decoders below name their inputs as the tools do.
    """

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.side = model.side
        self.decoding = Decoding(model)

    def answer(
        self,
        embedding: Embedding,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        orig_im_size: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode; points are in the frame of 1024 pixels."""
        points = point_coords * (self.side / TOOL_SIDE)
        low_res, rating = self.decoding(embedding, points, point_labels, mask_input, has_mask_input)
        return in_image(low_res, orig_im_size, side=self.side), rating, low_res


class Decoder(ObjectDecoder):
    """SAM's decoder."""

    def forward(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        orig_im_size: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode one object."""
        given = (point_coords, point_labels, mask_input, has_mask_input, orig_im_size)
        return self.answer(Embedding(image_embeddings), *given)


class HQDecoder(ObjectDecoder):
    """SAM-HQ's decoder, which reads early features of the encoder, too."""

    def forward(
        self,
        image_embeddings: Tensor,
        interm_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        orig_im_size: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode one object; the early features are a stack of one map."""
        given = (point_coords, point_labels, mask_input, has_mask_input, orig_im_size)
        return self.answer(Embedding(image_embeddings, (interm_embeddings[0],)), *given)


class PyramidDecoder(nn.Module):
    """SAM 2's decoder: it gives low-res logits of each object, and SAM's estimate of the IoU."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.decoding = Decoding(model)

    def forward(
        self,
        image_embed: Tensor,
        high_res_feats_0: Tensor,
        high_res_feats_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Decode objects; points are in the model frame, a padding point is added to them."""
        found: tuple[Tensor, Tensor] = self.decoding(
            Embedding(image_embed, (high_res_feats_0, high_res_feats_1)),
            F.pad(point_coords, (0, 0, 0, 1)),
            F.pad(point_labels, (0, 1), value=-1.0),
            mask_input,
            has_mask_input,
        )
        return found


def in_image(low_res: Tensor, size: Tensor, *, side: int) -> Tensor:
    """Resize low-res logits to an image whose size is known only when the graph runs.

    They are resized to the input, cut to the part without padding, and resized to the image, each
    time bilinearly.

    Source: segment_anything, modeling/sam.py, ``postprocess_masks``.
    """
    logits = F.interpolate(low_res, (side, side), mode="bilinear")
    used = torch.floor(to_edges(size * (side / size.max())))
    for axis in (2, 3):
        logits = _stretch(logits, axis=axis, used=used[axis - 2], out=size[axis - 2])
    return logits


def _stretch(values: Tensor, *, axis: int, used: Tensor, out: Tensor) -> Tensor:
    """Resample one axis: `used` pixels of it become `out`."""
    count = out.to(torch.int64).item()
    torch._check(count > 1)
    place = to_middles(to_edges(torch.arange(count)) * (used / out)).clamp(min=0)
    low = place.floor().clamp(max=used - 1)
    high = (low + 1).clamp(max=used - 1)
    shape = [-1 if dim == axis else 1 for dim in range(4)]
    share = (place - low).reshape(shape)
    near = values.index_select(axis, low.to(torch.int64))
    far = values.index_select(axis, high.to(torch.int64))
    return near + (far - near) * share
