import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tests.models.tiny_models import pixels, relative_error, small_mobile_sam

from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import AdapterAverage, attach_adapter
from pointsam.models.adapters.saved import load_adapter_weights
from pointsam.models.loading.checkpoints import base_hash, load_adapter

SIDE, RANK, FIRST_BLOCK = 128, 3, 2


def encoded(model):
    with torch.no_grad():
        return model.encode_adapted(model.encode_frozen(pixels(SIDE))).image


def train_some_steps(model, adapter, steps=3):
    """Move every adapter weight that may move; Adam makes the steps large."""
    optimizer = torch.optim.Adam(adapter.parameters(), lr=0.02)
    stem = model.encode_frozen(pixels(SIDE))
    for _ in range(steps):
        optimizer.zero_grad()
        model.encode_adapted(stem).image.square().mean().backward()
        optimizer.step()


@pytest.fixture
def trained():
    model = small_mobile_sam(SIDE)
    adapter = attach_adapter(model, rank=RANK, first_block=FIRST_BLOCK, seed=0)
    train_some_steps(model, adapter)
    return model, adapter


def test_a_new_adapter_changes_nothing_yet():
    model = small_mobile_sam(SIDE)
    before = encoded(model)
    attach_adapter(model, rank=RANK, first_block=FIRST_BLOCK, seed=0)
    assert torch.equal(encoded(model), before)


def test_only_the_adapter_can_be_trained(trained):
    model, adapter = trained
    free = {name for name, p in model.named_parameters() if p.requires_grad}
    assert free == set(adapter.named_parameters())
    assert all("attn.qkv.lora_" in name for name in free)
    assert len(free) == 2 * len(model.adapted_modules(["query-value"]))


def test_blocks_below_the_first_are_left_alone(trained):
    _, adapter = trained
    stages = {name.split(".")[2] for name in adapter.named_parameters()}
    assert stages == {"2", "3"}


def test_keys_are_untouched_and_queries_and_values_are_not(trained):
    model, _ = trained
    for projection in model.adapted_modules(["query-value"]):
        layer = model.get_submodule(projection.name)
        update = layer.get_delta_weight("default")
        touched = torch.cat([projection.query_rows, projection.value_rows])
        keys = torch.ones(len(update), dtype=torch.bool).index_fill(0, touched, False)
        assert keys.sum() == len(update) // 3
        assert (update[keys] == 0).all()
        assert (update[projection.query_rows] != 0).any()
        assert (update[projection.value_rows] != 0).any()


def test_queries_and_values_each_get_an_update_of_the_rank_asked_for(trained):
    model, _ = trained
    projection = model.adapted_modules(["query-value"])[0]
    update = model.get_submodule(projection.name).get_delta_weight("default")
    for rows in (projection.query_rows, projection.value_rows):
        assert torch.linalg.matrix_rank(update[rows], rtol=1e-4) == RANK
    both = update[torch.cat([projection.query_rows, projection.value_rows])]
    assert torch.linalg.matrix_rank(both, rtol=1e-4) == 2 * RANK


def test_the_rows_of_tiny_vit_stand_head_by_head():
    model = small_mobile_sam(SIDE)
    [*_, projection] = model.adapted_modules(["query-value"])
    # the last stage: 32 channels, 4 heads of 8; each head's rows are query, key, value
    assert projection.query_rows.tolist() == [24 * head + i for head in range(4) for i in range(8)]
    assert (projection.value_rows - projection.query_rows).unique().tolist() == [16]


def test_switched_off_the_model_is_the_base(trained):
    model, adapter = trained
    base = encoded(small_mobile_sam(SIDE))
    assert relative_error(encoded(model), base) > 0.01
    with adapter.disabled():
        assert torch.equal(encoded(model), base)
    assert relative_error(encoded(model), base) > 0.01


def test_held_weights_are_used_inside_and_gone_after(trained):
    model, adapter = trained
    own, before = encoded(model), adapter.state()
    halved = {name: tensor / 2 for name, tensor in before.items()}
    with adapter.holding(halved):
        held = encoded(model)
    assert relative_error(held, own) > 0.001
    assert torch.equal(encoded(model), own)
    for name, tensor in adapter.state().items():
        assert torch.equal(tensor, before[name])


def test_held_weights_are_gone_after_an_error_too(trained):
    model, adapter = trained
    own = encoded(model)
    with (
        pytest.raises(RuntimeError, match="inside"),
        adapter.holding({name: tensor * 0 for name, tensor in adapter.state().items()}),
    ):
        raise RuntimeError("inside")
    assert torch.equal(encoded(model), own)


def test_the_average_keeps_a_share_of_itself_and_takes_the_rest_from_the_adapter(trained):
    _, adapter = trained
    average = AdapterAverage(adapter, decay=0.75)
    first = adapter.state()
    for name, tensor in average.state.items():
        assert torch.equal(tensor, first[name])
    second = {name: tensor + 1 for name, tensor in first.items()}
    adapter.load_state(second)
    average.follow()
    for name, tensor in average.state.items():
        torch.testing.assert_close(tensor, first[name] + 0.25)
    average.follow()
    for name, tensor in average.state.items():
        # 0.75 of what it was, 0.25 of the adapter: 1 - 0.75^2 of the way
        torch.testing.assert_close(tensor, first[name] + 0.4375)
    for name, tensor in adapter.state().items():
        assert torch.equal(tensor, second[name])


def test_saved_and_loaded_is_the_same_to_the_bit(trained, tmp_path):
    model, adapter = trained
    adapter.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    again = small_mobile_sam(SIDE)
    loaded = load_adapter_weights(again, tmp_path, first_block=FIRST_BLOCK)
    assert torch.equal(encoded(again), encoded(model))
    assert len(loaded.parameters()) == len(adapter.parameters())
    train_some_steps(again, loaded, steps=1)
    assert not torch.equal(encoded(again), encoded(model))


def test_any_peft_loads_the_saved_adapter(trained, tmp_path):
    model, adapter = trained
    adapter.save(tmp_path)
    plain = small_mobile_sam(SIDE)
    PeftModel.from_pretrained(plain, str(tmp_path))
    assert torch.equal(encoded(plain), encoded(model))


def test_merged_the_plain_model_gives_the_same(trained):
    model, adapter = trained
    expected = encoded(model)
    merged = adapter.merge()
    assert relative_error(encoded(merged), expected) < 1e-5
    assert merged.state_dict().keys() == small_mobile_sam(SIDE).state_dict().keys()
    assert not any(parameter.requires_grad for parameter in merged.parameters())


def test_the_seed_decides_the_adapter_and_nothing_else():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(5)
        adapter = attach_adapter(small_mobile_sam(SIDE), rank=2, first_block=2, seed=seed)
        states.append((adapter.parameters()[0].detach().clone(), torch.rand(1)))
    assert torch.equal(states[0][0], states[1][0])
    assert not torch.equal(states[0][0], states[2][0])
    assert len({number.item() for _, number in states}) == 1


def test_the_identity_of_a_base_does_not_change_with_an_adapter(trained):
    model, adapter = trained
    alone = base_hash(small_mobile_sam(SIDE))
    assert base_hash(model) == alone
    assert base_hash(small_mobile_sam(SIDE, seed=1)) != alone
    adapter.merge()
    assert base_hash(model) != alone


def test_the_identity_of_a_base_does_not_change_with_rounding_to_half():
    model = small_mobile_sam(SIDE)
    rounded = small_mobile_sam(SIDE).half().float()
    assert base_hash(rounded) == base_hash(model)


def card(model, **changes):
    values = {
        "family": model.family,
        "base": "small",
        "base_hash": base_hash(model),
        "side": SIDE,
        "first_block": FIRST_BLOCK,
        "rank": RANK,
        "settings": {},
    }
    return AdapterCard(**(values | changes))


def test_an_adapter_comes_back_on_its_own_base(trained, tmp_path):
    model, adapter = trained
    adapter.save(tmp_path)
    card(model).save(tmp_path)
    again = small_mobile_sam(SIDE)
    load_adapter(again, tmp_path)
    assert torch.equal(encoded(again), encoded(model))


def test_an_adapter_of_another_base_is_refused(trained, tmp_path):
    model, adapter = trained
    adapter.save(tmp_path)
    card(model).save(tmp_path)
    with pytest.raises(InputError, match=r"trained on small .*not on this model.*give --model"):
        load_adapter(small_mobile_sam(SIDE, seed=1), tmp_path)


def test_an_adapter_of_another_family_is_refused(trained, tmp_path):
    model, adapter = trained
    adapter.save(tmp_path)
    card(model, family="sam").save(tmp_path)
    with pytest.raises(InputError, match=r"\(sam, .*not on this model \(mobile_sam, "):
        load_adapter(small_mobile_sam(SIDE), tmp_path)


def test_a_folder_without_a_card_is_no_adapter(tmp_path):
    with pytest.raises(FileNotFoundError, match="no adapter folder"):
        load_adapter(small_mobile_sam(SIDE), tmp_path)


def test_a_card_that_is_none_is_refused(tmp_path):
    (tmp_path / "pointsam.yaml").write_text("family: [")
    with pytest.raises(InputError, match="not an adapter's card"):
        load_adapter(small_mobile_sam(SIDE), tmp_path)


def test_an_adapter_that_changes_keys_is_refused(trained, tmp_path):
    _, adapter = trained
    adapter.save(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    state = load_file(path)
    name = next(name for name in state if "lora_B" in name)
    save_file(state | {name: torch.ones_like(state[name])}, path)
    with pytest.raises(InputError, match=r"changes keys in .*not made by pointsam"):
        load_adapter_weights(small_mobile_sam(SIDE), tmp_path, first_block=FIRST_BLOCK)


def test_a_damaged_adapter_is_refused_in_one_line(trained, tmp_path):
    _, adapter = trained
    adapter.save(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="holds no adapter for this model") as error:
        load_adapter_weights(small_mobile_sam(SIDE), tmp_path, first_block=FIRST_BLOCK)
    assert "\n" not in str(error.value)


def test_the_saved_configuration_names_no_place_on_this_machine(trained, tmp_path):
    _, adapter = trained
    adapter.save(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 2 * RANK
    assert "/" not in json.dumps(config["base_model_name_or_path"])


def test_a_first_block_without_attention_behind_it_is_refused():
    with pytest.raises(InputError, match="first_block 99 leaves no attention block"):
        attach_adapter(small_mobile_sam(SIDE), rank=1, first_block=99, seed=0)


def test_a_rank_beyond_the_channels_is_refused():
    model = small_mobile_sam(SIDE)
    model.first_block = FIRST_BLOCK
    narrowest = min(len(layer.query_rows) for layer in model.adapted_modules(["query-value"]))
    with pytest.raises(InputError, match=f"rank {narrowest + 1}: .* has {narrowest} channels"):
        attach_adapter(model, rank=narrowest + 1, first_block=FIRST_BLOCK, seed=0)
    attach_adapter(model, rank=narrowest, first_block=FIRST_BLOCK, seed=0)
