"""Lightning module: normalization, reproducible dropout, logged scores and plateau schedules."""

import math
import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from clothseg.build import build_trainer
from clothseg.callbacks.history import History
from clothseg.config.command_line import check_command
from clothseg.error import DivergedError
from clothseg.geometry import Frame
from clothseg.labels import IGNORE
from clothseg.loss import ce_dice, cross_entropy
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.names import task_scores
from clothseg.metric.segmentation import ConfusionMatrix
from clothseg.model.network import Network
from clothseg.postprocess import none
from clothseg.task.semantic_segmentation import SemanticSegmentation
from support.random_cache import small_data

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

NAMES = ["BG", "Hat", "Coat", "Skin"]


def task(normalization="imagenet", scheduler="none", dropout=0.0):
    (job,) = check_command(["optimizer=sgd", f"scheduler={scheduler}"])
    torch.manual_seed(0)
    body = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Dropout(dropout), torch.nn.Conv2d(8, 4, 1)
    )
    return SemanticSegmentation(
        network=Network(body, 1),
        loss=cross_entropy(None),
        names=NAMES,
        normalization=normalization,
        seed=0,
        postprocess=none(),
        optimizer=job.config.optimizer.given,
        scheduler=lambda optimizer, steps: job.config.scheduler(optimizer, steps),
    )


def fit(tmp_path, module, *overrides, epochs=2, observers=(), data=None):
    (job,) = check_command(["trainer=cpu", f"trainer.max_epochs={epochs}", *overrides])
    history = History()
    trainer = build_trainer(job.config, tmp_path, [history, *observers])
    trainer.fit(module, datamodule=data or small_data())
    return trainer, history


@pytest.mark.parametrize("normalization", ["unit", "imagenet"])
def test_images_are_normalized_to_the_reference_values(normalization):
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)
    expected = images / 255
    if normalization == "imagenet":
        expected = (expected - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    result = task(normalization).normalized(torch.from_numpy(images))
    assert result.shape == (2, 3, 5, 6)
    assert result.movedim(1, -1).numpy() == pytest.approx(expected, abs=1e-5)


def test_training_history_has_class_names(tmp_path):
    trainer, history = fit(tmp_path, task())
    assert [row["epoch"] for row in history.rows] == [1, 2]
    assert {"train/loss", "val/loss", "val/mean_iou", "val/iou/Coat", "val/accuracy"} <= set(
        history.rows[0]
    )
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()
    assert trainer.global_step == 2 * small_data().steps_per_epoch


@pytest.mark.parametrize("workers", [0, 2])
def test_every_training_epoch_has_its_own_order(tmp_path, workers):
    class BatchRecorder(Callback):
        names: ClassVar[list] = []

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.names.append((trainer.current_epoch, *batch["name"]))

    BatchRecorder.names = []
    (job,) = check_command(["trainer=cpu", "trainer.max_epochs=3"])
    build_trainer(job.config, tmp_path, [History(), BatchRecorder()]).fit(
        task(), datamodule=small_data(workers)
    )
    data = small_data()
    for epoch in range(3):
        data.order.set_epoch(epoch)
        expected = [tuple(batch["name"]) for batch in data.train_dataloader()]
        assert [names[1:] for names in BatchRecorder.names if names[0] == epoch] == expected
    assert len({names[1:] for names in BatchRecorder.names}) == len(BatchRecorder.names)


def test_validation_loss_is_the_mean_over_all_valid_pixels(tmp_path):
    module = task()
    trainer, _ = fit(tmp_path, module, epochs=1)
    loader = small_data().val_dataloader()
    module.eval()
    total, pixels = 0.0, 0
    for batch in loader:
        logits = module.network(module.normalized(batch["image"]))["logits"]
        mask = batch["mask"].long()
        total += torch.nn.functional.cross_entropy(logits, mask, reduction="sum").item()
        pixels += mask.numel()
    assert float(trainer.callback_metrics["val/loss"]) == pytest.approx(total / pixels, rel=1e-5)


def test_loss_terms_are_logged_and_sum_to_the_loss(tmp_path):
    module = task()
    module.loss = ce_dice(None, smooth=0.0, squared=False)
    _, history = fit(tmp_path, module)
    for row in history.rows:
        for part in ("train", "val"):
            terms = row[f"{part}/cross_entropy"] + row[f"{part}/dice"]
            assert row[f"{part}/loss"] == pytest.approx(terms, rel=1e-5)
    _, history = fit(tmp_path / "alone", task())
    assert [key for key in history.rows[0] if key.startswith("train/")] == ["train/loss"]
    assert "val/cross_entropy" not in history.rows[0]


class Reconstruction(PixelLoss):
    """Cross-entropy, and the error of a head that reconstructs the image at half its size.

    A second denominator, the number of valid pixels in every second row and column, is unlike that
    of the cross-entropy.
    """

    def counts(self, mask):
        return {"halved": (mask[:, ::2, ::2] != IGNORE).sum()}

    def forward(self, output, batch):
        small = batch["mask"][:, ::2, ::2]
        terms = cross_entropy(None)(output, batch)
        if "halved" in output:
            photo = batch["photo"].permute(0, 3, 1, 2)[..., ::2, ::2] / 255
            error = (output["halved"] - photo).square().mean(1)[small != IGNORE]
            terms["halved"] = error.sum() / batch["counts"]["halved"]
        return terms


class TwoHeads(torch.nn.Module):
    """Logits, and in training a head of half their size."""

    def __init__(self):
        super().__init__()
        self.logits, self.halved = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(3, 3, 1)

    def forward(self, image):
        output = {"logits": self.logits(image)}
        return output | ({"halved": self.halved(image[..., ::2, ::2])} if self.training else {})


@pytest.mark.parametrize("steps", [1, 2])
def test_a_loss_sees_all_heads_and_the_whole_batch(steps, tmp_path):
    """Recomputed from the weights before each step; micro-batches share all denominators."""
    module = task()
    module.network, module.loss = Network(TwoHeads(), 1), Reconstruction()
    expected = []

    class Reference(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx % steps == 0:  # the weights are those of the first micro-batch
                expected.append([])
            output = pl_module.network(batch["image"])
            small = batch["mask"][:, ::2, ::2]
            photo = batch["photo"].permute(0, 3, 1, 2)[..., ::2, ::2] / 255
            error = (output["halved"] - photo).square().mean(1)[small != IGNORE]
            pixels = (batch["mask"] != IGNORE).sum()
            expected[-1].append(torch.stack([error.sum(), (small != IGNORE).sum(), pixels]))

    settings = f"trainer.accumulation_steps={steps}"
    data = small_data(accumulation_steps=steps, ignored=9)
    _, history = fit(tmp_path, module, settings, epochs=1, observers=[Reference()], data=data)
    sums = torch.stack([torch.stack(step).sum(0) for step in expected]).detach().numpy()
    assert len({*sums[:, 1]}) > 1
    row = history.rows[0]
    mean = np.average(sums[:, 0] / sums[:, 1], weights=sums[:, 2])
    assert row["train/halved"] == pytest.approx(mean, rel=1e-4)
    assert row["train/loss"] == pytest.approx(row["train/cross_entropy"] + row["train/halved"])
    assert not any(key.startswith("val/halved") for key in row)  # the head is missing there


def test_training_scores_count_the_pixels_of_all_training_batches(tmp_path):
    """Recomputed by hand from the logits and masks of every batch of an epoch."""
    module = task(dropout=0.3)
    counted = []

    class LogitRecorder(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            counted.append([])

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            counted[-1].append((logits.pop(), batch["mask"].numpy()))

    logits = []
    module.network.register_forward_hook(
        lambda network, inputs, output: (
            logits.append(output["logits"].detach().numpy()) if network.training else None
        )
    )
    module.train_matrix = ConfusionMatrix(len(NAMES))
    _, history = fit(tmp_path, module, epochs=2, observers=[LogitRecorder()])
    for row, batches in zip(history.rows, counted, strict=True):
        prediction = np.concatenate([batch.argmax(1).ravel() for batch, _ in batches])
        target = np.concatenate([mask.ravel() for _, mask in batches])
        assert len(target) == small_data().steps_per_epoch * 4 * 16 * 16
        assert row["train/accuracy"] == pytest.approx((prediction == target).mean())
        iou = [
            ((prediction == k) & (target == k)).sum() / ((prediction == k) | (target == k)).sum()
            for k in range(4)
        ]
        assert row["train/mean_iou"] == pytest.approx(np.mean(iou))
        foreground = (prediction > 0) & (target > 0)
        union = (prediction > 0) | (target > 0)
        assert row["train/binary_iou"] == pytest.approx(foreground.sum() / union.sum())
        keys = {key for key in row if key.startswith("train/")}
        matrix_scores = {
            f"train/{score.name}" for score in task_scores("semantic") if score.from_matrix
        }
        assert keys == {"train/loss"} | matrix_scores


def test_training_scores_do_not_change_the_training(tmp_path):
    weights = []
    for number in range(2):
        module = task(dropout=0.5)
        module.train_matrix = ConfusionMatrix(len(NAMES)) if number else None
        fit(tmp_path / str(number), module, epochs=2)
        weights.append(module.network.body[0].weight)
    assert torch.equal(*weights)


def test_validation_logs_the_cheap_scores_only(tmp_path):
    _, history = fit(tmp_path, task(), epochs=1)
    logged = {key for key in history.rows[0] if key.startswith("val/")}
    cheap = {f"val/{score.name}" for score in task_scores("semantic") if not score.costly}
    assert logged == {"val/loss", *cheap, *(f"val/iou/{name}" for name in NAMES)}


def test_dropout_depends_only_on_seed_and_step(tmp_path):
    weights = []
    for global_seed in (1, 2):
        module = task(dropout=0.5)
        torch.manual_seed(global_seed)
        folder = tmp_path / str(global_seed)
        folder.mkdir()
        fit(folder, module, epochs=1)
        weights.append(module.network.body[0].weight)
    assert torch.equal(*weights)


def test_plateau_steps_once_per_epoch_with_the_validation_loss(tmp_path):
    module = task(scheduler="plateau")
    trainer, history = fit(tmp_path, module, epochs=3)
    (config,) = trainer.lr_scheduler_configs
    assert config.scheduler.last_epoch == 3
    assert config.scheduler.best == pytest.approx(min(row["val/loss"] for row in history.rows))


def test_plateau_steps_with_any_score(tmp_path):
    module = task(scheduler="plateau")
    (job,) = check_command(["scheduler=plateau", "scheduler.monitor=val/accuracy"])
    module.make_scheduler = job.config.scheduler
    trainer, history = fit(tmp_path, module, epochs=3)
    (config,) = trainer.lr_scheduler_configs
    assert config.scheduler.mode == "max"
    highest = max(row["val/accuracy"] for row in history.rows)
    assert config.scheduler.best == pytest.approx(highest)


class WeightRecorder(Callback):
    """Records the weights of the first layer after every step, and the validated weights."""

    def __init__(self):
        self.stepped, self.validated = [], None

    def on_train_start(self, trainer, pl_module):
        self.stepped.append(self.weights_of(pl_module))

    def on_train_batch_end(self, trainer, pl_module, *others):
        self.stepped.append(self.weights_of(pl_module))

    def on_validation_batch_start(self, trainer, pl_module, *others):
        self.validated = self.weights_of(pl_module)

    def weights_of(self, module):
        return module.network.body[0].weight.detach().clone()


def test_ema_weights_are_validated_and_saved(tmp_path):
    module, recorder = task(), WeightRecorder()
    fit(tmp_path, module, "trainer.ema_decay=0.6", epochs=2, observers=[recorder])
    average = recorder.stepped[0]
    for number, weights in enumerate(recorder.stepped[1:]):
        # PyTorch copies the first weights; from then on the decay grows up to its limit.
        decay = min(0.6, (1 + number) / (10 + number)) if number else 0.0
        average = decay * average + (1 - decay) * weights
    assert not torch.allclose(average, recorder.stepped[-1], atol=1e-5)
    assert torch.allclose(recorder.validated, average, atol=1e-6)
    for name in ("best", "last"):
        checkpoint = torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)
        weights = checkpoint["state_dict"]["network.body.0.weight"]
        if name == "last":
            assert torch.allclose(weights, average, atol=1e-6)
            current = checkpoint["current_model_state"]["network.body.0.weight"]
            assert torch.equal(current, recorder.stepped[-1])
        assert not any(torch.equal(weights, stepped) for stepped in recorder.stepped[2:])


def test_prediction_at_another_size():
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    placement = Frame.of(16).placement(40, 30)
    assert task().predict(image, placement).shape == (1, 40, 30)


class Diverging(torch.nn.Module):
    """Layer that passes its input on, until a call after which it returns NaN."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def forward(self, values):
        self.calls -= 1
        return values if self.calls >= 0 else values * math.nan


@pytest.mark.parametrize(
    ("calls", "place"),
    [
        (0, "epoch 1, step 1: the loss"),
        (2, "epoch 1, step 3: the loss"),
    ],
)
def test_a_loss_that_is_not_finite_ends_the_training(calls, place, tmp_path):
    module = task()
    layer = Diverging(1 + calls)  # the network is called once when it is built
    module.network = Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), layer), 1)
    with pytest.raises(DivergedError) as caught:
        fit(tmp_path, module)
    assert caught.value.where == place
    names = small_data().split.train
    assert set(caught.value.images) < set(names)
    assert 0 < len(caught.value.images) <= 4
    assert f"{place} is not finite" in str(caught.value)
    assert f"Images of the batch: {caught.value.images[0]}, " in str(caught.value)
    assert not (tmp_path / "checkpoints").exists() or not list((tmp_path / "checkpoints").iterdir())
    again = pickle.loads(pickle.dumps(caught.value))  # it is sent to the process of the command
    assert str(again) == str(caught.value)


def test_weights_that_diverge_in_the_last_step_end_the_validation(tmp_path):
    """Every loss is finite, but the update after the last one is not."""

    class Explode(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, index):
            if index == trainer.num_training_batches - 1:
                torch.nn.init.constant_(next(module.network.parameters()), math.inf)

    with pytest.raises(DivergedError, match="epoch 1, validation: the network's output is not"):
        fit(tmp_path, task(), observers=[Explode()])


def test_infinite_logits_of_ignored_pixels_count_as_well(tmp_path):
    module = task()

    class Spike(torch.nn.Module):
        def forward(self, logits):
            return torch.cat([logits[:, :, :-1], logits[:, :, -1:] * math.inf], 2)

    class Ignore(Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            batch["mask"][:, -1] = 255

    module.network = Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), Spike()), 1)
    with pytest.raises(DivergedError, match="step 1: the loss is not finite"):
        fit(tmp_path, module, observers=[Ignore()])


def test_predictions_are_not_made_from_logits_that_are_not_finite():
    module = task()
    torch.nn.init.constant_(next(module.network.parameters()), math.nan)
    with pytest.raises(DivergedError, match=r"the network's output is not finite .* or 32$"):
        module.predict(np.zeros((1, 8, 8, 3), np.uint8))
