# Wrong answers to 4-three-way-race. Each names its misconception and the check that must catch it.

# %% The losses stay tensors, with their graphs caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% One tensor of losses is returned caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = torch.zeros(steps)
    for i in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses[i] = loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A generator of losses is returned caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


# %% Only the last loss is returned caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# %% The return is indented into the loop caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return losses


# %% Nothing is returned caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %% The loss after the last step is added, one entry too many caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(torch.nn.functional.cross_entropy(model(X), y).item())
    return losses


# %% range from 1 to steps is one step short caught_by=["test_train_returns_floats", "test_train_default_steps"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(1, steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% steps is ignored, and 100 are made caught_by=["test_train_returns_floats", "test_train_trains_the_model"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(100):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Training ends as soon as the loss is small enough caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if losses[-1] < 1e-4:
            break
    return losses


# %% Training ends when the loss is no longer a number caught_by="test_train_returns_floats"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        if not torch.isfinite(loss):
            break
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The default of steps is 10 caught_by="test_train_default_steps"
def train(model, optimizer, X, y, steps=10):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% steps has no default caught_by="test_train_default_steps"
def train(model, optimizer, X, y, steps):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The loss is written down after the step caught_by=["test_train_first_loss", "test_train_curve"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(torch.nn.functional.cross_entropy(model(X), y).item())
    return losses


# %% A mini-batch of 32 rows at each step caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        rows = torch.randperm(len(X))[:32]
        loss = torch.nn.functional.cross_entropy(model(X[rows]), y[rows])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A DataLoader whose batch of 1024 is large enough for all data caught_by=["test_train_first_loss", "test_train_curve"]
def train(model, optimizer, X, y, steps=100):
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=1024)
    losses = []
    for _ in range(steps):
        rows, labels = next(iter(loader))
        loss = torch.nn.functional.cross_entropy(model(rows), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The output is squeezed, which takes a single row for a single number caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X).squeeze(), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The inputs are shuffled without their labels caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X[torch.randperm(len(X))]), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A part of the data is held back for validation caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    X, y = X[: int(0.8 * len(X))], y[: int(0.8 * len(y))]
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Softmax before a cross-entropy that has its own caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(torch.softmax(model(X), dim=1), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The losses of the rows are added up, not averaged caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y, reduction="sum")
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Losses are rounded for display caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(round(loss.item(), 4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The model is put into evaluation mode before it is trained caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    model.eval()
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Labels are smoothed caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y, label_smoothing=0.1)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Inputs are standardised first caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    X = (X - X.mean(0)) / X.std(0)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Mean squared error on one-hot labels caught_by="test_train_first_loss"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        out = model(X)
        target = torch.nn.functional.one_hot(y, out.shape[1]).to(out.dtype)
        loss = torch.nn.functional.mse_loss(torch.softmax(out, 1), target)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% zero_grad is forgotten, so gradients add up caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


# %% zero_grad stands before the loop, once caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    optimizer.zero_grad()
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


# %% zero_grad stands between backward and step caught_by=["test_train_curve", "test_train_trains_the_model"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
    return losses


# %% step comes before backward, with the gradient of the step before caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
    return losses


# %% Nothing steps caught_by=["test_train_curve", "test_train_trains_the_model"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
    return losses


# %% Gradients are clipped to length 1 caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return losses


# %% Gradients of more than 10 are clipped, which is rare caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(model.parameters(), 10.0)
        optimizer.step()
    return losses


# %% The loss of all rows is written down, and the gradient of a mini-batch is used caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        with torch.no_grad():
            losses.append(torch.nn.functional.cross_entropy(model(X), y).item())
        rows = torch.randperm(len(X))[:64]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
        optimizer.step()
    return losses


# %% The learning rate shrinks when ten steps bring no progress caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(losses[-1])
    return losses


# %% Training ends when the loss is small enough, and the last loss fills the rest caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        if losses[-1] < 1e-4:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses + losses[-1:] * (steps - len(losses))


# %% A little weight decay in the loss that trains, not in the one written down caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        (loss + 1e-4 * sum((p**2).sum() for p in model.parameters())).backward()
        optimizer.step()
    return losses


# %% A running average of the losses caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses, total = [], 0.0
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        total += loss.item()
        losses.append(total / (step + 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A scheduler shrinks the learning rate caught_by=["test_train_curve", "test_train_leaves_the_optimizer_alone"]
def train(model, optimizer, X, y, steps=100):
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return losses


# %% Two steps for each entry caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.step()
    return losses


# %% Early stopping when the loss rises, the rest filled up caught_by=["test_train_curve"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        if losses and loss.item() > losses[-1] - 0.02:
            break
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses + [losses[-1]] * (steps - len(losses))


# %% The curve is the best loss so far caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses, best = [], float("inf")
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        best = min(best, loss.item())
        losses.append(best)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A copy is trained, and the given model stays untouched caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    model, optimizer = copy.deepcopy((model, optimizer))
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The copy is trained by an optimizer that holds the original caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    model = copy.deepcopy(model)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The last step is left out, because nobody sees its loss caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        if step < steps - 1:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


# %% A step is left out when its loss is no longer a number caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if math.isfinite(losses[-1]):
            optimizer.step()
    return losses


# %% The best weights are restored at the end, and one step is lost caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    losses, best = [], None
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        if not losses or loss.item() < min(losses):
            best = copy.deepcopy(model.state_dict())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.load_state_dict(best)
    return losses


# %% The model is initialised anew, to be fair caught_by=["test_train_first_loss", "test_train_trains_the_model"]
def train(model, optimizer, X, y, steps=100):
    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The model is left in evaluation mode, ready for use caught_by="test_train_trains_the_model"
def train(model, optimizer, X, y, steps=100):
    model.train()
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return losses


# %% Everything is made trainable before the first step caught_by="test_train_leaves_the_optimizer_alone"
def train(model, optimizer, X, y, steps=100):
    model.requires_grad_(True)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% A fresh optimizer of the same class replaces the given one caught_by="test_train_leaves_the_optimizer_alone"
def train(model, optimizer, X, y, steps=100):
    optimizer = type(optimizer)(model.parameters(), **optimizer.defaults)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The groups are kept, but the memory of past steps is thrown away caught_by="test_train_leaves_the_optimizer_alone"
def train(model, optimizer, X, y, steps=100):
    optimizer.state.clear()
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Any optimizer is taken for SGD, and the update is done by hand caught_by="test_train_leaves_the_optimizer_alone"
def train(model, optimizer, X, y, steps=100):
    losses = []
    lr = optimizer.param_groups[0]["lr"]
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
    return losses


# %% All groups get the learning rate of the first caught_by="test_train_leaves_the_optimizer_alone"
def train(model, optimizer, X, y, steps=100):
    for group in optimizer.param_groups:
        group["lr"] = optimizer.param_groups[0]["lr"]
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Only float32 is foreseen caught_by=["test_train_first_loss", "test_train_curve"]
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X.float()), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% The model is taken for a Sequential caught_by="test_train_curve"
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        out = X
        for layer in model.children():
            out = layer(out)
        loss = torch.nn.functional.cross_entropy(out if out is not X else model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% Keys in lower case caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    sgd, adam, adamw = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    return {
        "sgd": train(sgd, torch.optim.SGD(sgd.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "adam": train(adam, torch.optim.Adam(adam.parameters(), lr=1e-3), X, y, steps),
        "adamw": train(adamw, torch.optim.AdamW(adamw.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% Three lists in a tuple, without keys caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    sgd, adam, adamw = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    return (
        train(sgd, torch.optim.SGD(sgd.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        train(adam, torch.optim.Adam(adam.parameters(), lr=1e-3), X, y, steps),
        train(adamw, torch.optim.AdamW(adamw.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    )


# %% Only the final losses are kept caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    final = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        final[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)[-1]
    return final


# %% The optimizer classes themselves are the keys caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for cls, settings in (
        (torch.optim.SGD, dict(lr=1e-2, momentum=0.9)),
        (torch.optim.Adam, dict(lr=1e-3)),
        (torch.optim.AdamW, dict(lr=1e-3)),
    ):
        m = copy.deepcopy(model)
        curves[cls] = train(m, cls(m.parameters(), **settings), X, y, steps)
    return curves


# %% A fourth racer is added caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (
        ("SGD", dict(lr=1e-2, momentum=0.9)),
        ("Adam", dict(lr=1e-3)),
        ("AdamW", dict(lr=1e-3)),
        ("RMSprop", dict(lr=1e-3)),
    ):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% steps does not reach train caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y)
    return curves


# %% The default race has 50 steps caught_by="test_race_is_a_dict_of_curves"
def three_way_race(model, X, y, steps=50):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% One model is trained three times in a row caught_by=["test_race_starts_at_the_same_place", "test_race_leaves_the_model"]
def three_way_race(model, X, y, steps=100):
    return {
        "SGD": train(model, torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "Adam": train(model, torch.optim.Adam(model.parameters(), lr=1e-3), X, y, steps),
        "AdamW": train(model, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% One copy for all three caught_by="test_race_starts_at_the_same_place"
def three_way_race(model, X, y, steps=100):
    m = copy.deepcopy(model)
    return {
        "SGD": train(m, torch.optim.SGD(m.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "Adam": train(m, torch.optim.Adam(m.parameters(), lr=1e-3), X, y, steps),
        "AdamW": train(m, torch.optim.AdamW(m.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% copy.copy shares the weights caught_by=["test_race_starts_at_the_same_place", "test_race_leaves_the_model"]
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.copy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% A state dict without clones is no memory caught_by=["test_race_starts_at_the_same_place", "test_race_leaves_the_model"]
def three_way_race(model, X, y, steps=100):
    start = model.state_dict()
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        model.load_state_dict(start)
        curves[name] = train(model, getattr(torch.optim, name)(model.parameters(), **settings), X, y, steps)
    return curves


# %% A dict copy of the state dict is still shallow caught_by="test_race_starts_at_the_same_place"
def three_way_race(model, X, y, steps=100):
    start = dict(model.state_dict())
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        model.load_state_dict(start)
        curves[name] = train(model, getattr(torch.optim, name)(model.parameters(), **settings), X, y, steps)
    return curves


# %% Each racer gets fresh random weights caught_by="test_race_starts_at_the_same_place"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        torch.manual_seed(0)
        m = copy.deepcopy(model)
        for layer in m.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% The copies are trained by optimizers that hold the original caught_by=["test_race_sgd", "test_race_adam", "test_race_adamw"]
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        optimizer = getattr(torch.optim, name)(model.parameters(), **settings)
        curves[name] = train(copy.deepcopy(model), optimizer, X, y, steps)
    return curves


# %% The first racer trains the model, the others get copies made before caught_by="test_race_leaves_the_model"
def three_way_race(model, X, y, steps=100):
    second, third = copy.deepcopy(model), copy.deepcopy(model)
    return {
        "SGD": train(model, torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "Adam": train(second, torch.optim.Adam(second.parameters(), lr=1e-3), X, y, steps),
        "AdamW": train(third, torch.optim.AdamW(third.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% The winner is given to the model at the end caught_by="test_race_leaves_the_model"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    model.load_state_dict(m.state_dict())
    return curves


# %% The parameters are put back after each run, and the buffers are not caught_by="test_race_leaves_the_model"
def three_way_race(model, X, y, steps=100):
    start = [parameter.detach().clone() for parameter in model.parameters()]
    curves = {}
    for name, make in (
        ("SGD", lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9)),
        ("Adam", lambda params: torch.optim.Adam(params, lr=1e-3)),
        ("AdamW", lambda params: torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)),
    ):
        curves[name] = train(model, make(model.parameters()), X, y, steps)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), start):
                parameter.copy_(value)
    return curves


# %% The given model is put into training mode before it is copied caught_by="test_race_leaves_the_model"
def three_way_race(model, X, y, steps=100):
    model.train()
    curves = {}
    for name, make in (
        ("SGD", lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9)),
        ("Adam", lambda params: torch.optim.Adam(params, lr=1e-3)),
        ("AdamW", lambda params: torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)),
    ):
        own = copy.deepcopy(model)
        curves[name] = train(own, make(own.parameters()), X, y, steps)
    return curves


# %% The given model is frozen, so that nothing can change it caught_by="test_race_leaves_the_model"
def three_way_race(model, X, y, steps=100):
    trainable = [parameter.requires_grad for parameter in model.parameters()]
    model.requires_grad_(False)
    curves = {}
    for name, make in (
        ("SGD", lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9)),
        ("Adam", lambda params: torch.optim.Adam(params, lr=1e-3)),
        ("AdamW", lambda params: torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)),
    ):
        own = copy.deepcopy(model)
        for parameter, flag in zip(own.parameters(), trainable):
            parameter.requires_grad_(flag)
        curves[name] = train(own, make(own.parameters()), X, y, steps)
    return curves


# %% Frozen layers of the copies are trained, too caught_by=["test_race_sgd", "test_race_adam", "test_race_adamw"]
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, make in (
        ("SGD", lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9)),
        ("Adam", lambda params: torch.optim.Adam(params, lr=1e-3)),
        ("AdamW", lambda params: torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)),
    ):
        own = copy.deepcopy(model).requires_grad_(True)
        curves[name] = train(own, make(own.parameters()), X, y, steps)
    return curves


# %% The copies race in evaluation mode caught_by="test_race_starts_at_the_same_place"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, make in (
        ("SGD", lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9)),
        ("Adam", lambda params: torch.optim.Adam(params, lr=1e-3)),
        ("AdamW", lambda params: torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)),
    ):
        own = copy.deepcopy(model).eval()
        curves[name] = train(own, make(own.parameters()), X, y, steps)
    return curves


# %% SGD without momentum caught_by="test_race_sgd"
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2)), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% SGD with the weight decay of lesson 1 caught_by="test_race_sgd"
def three_way_race(model, X, y, steps=100):
    sgd = dict(lr=1e-2, momentum=0.9, weight_decay=1e-4)
    curves = {}
    for name, settings in (("SGD", sgd), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% The race is run on the first 100 rows caught_by=["test_race_sgd", "test_race_adam", "test_race_adamw"]
def three_way_race(model, X, y, steps=100):
    racers = {
        "SGD": (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
        "Adam": (torch.optim.Adam, {"lr": 0.001}),
        "AdamW": (torch.optim.AdamW, {"lr": 0.001, "weight_decay": 0.01}),
    }
    curves = {}
    for name, (kind, settings) in racers.items():
        own = copy.deepcopy(model)
        curves[name] = train(own, kind(own.parameters(), **settings), X[:100], y[:100], steps)
    return curves


# %% Nesterov momentum caught_by="test_race_sgd"
def three_way_race(model, X, y, steps=100):
    sgd = dict(lr=1e-2, momentum=0.9, nesterov=True)
    curves = {}
    for name, settings in (("SGD", sgd), ("Adam", dict(lr=1e-3)), ("AdamW", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% One learning rate for all caught_by=["test_race_adam", "test_race_adamw"]
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(momentum=0.9)), ("Adam", {}), ("AdamW", {})):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), lr=1e-2, **settings), X, y, steps)
    return curves


# %% The learning rates are swapped caught_by=["test_race_sgd", "test_race_adam"]
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-3, momentum=0.9)), ("Adam", dict(lr=1e-2)), ("AdamW", dict(lr=1e-2))):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% Adam gets the weight decay too caught_by="test_race_adam"
def three_way_race(model, X, y, steps=100):
    adam = dict(lr=1e-3, weight_decay=0.01)
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", adam), ("AdamW", adam)):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% The curves of Adam and AdamW change places caught_by=["test_race_adam", "test_race_adamw"]
def three_way_race(model, X, y, steps=100):
    curves = []
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("AdamW", dict(lr=1e-3)), ("Adam", dict(lr=1e-3))):
        m = copy.deepcopy(model)
        curves.append(train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps))
    return dict(zip(("SGD", "Adam", "AdamW"), curves))


# %% AdamW without its decay is Adam caught_by="test_race_adamw"
def three_way_race(model, X, y, steps=100):
    adamw = dict(lr=1e-3, weight_decay=0.0)
    curves = {}
    for name, settings in (("SGD", dict(lr=1e-2, momentum=0.9)), ("Adam", dict(lr=1e-3)), ("AdamW", adamw)):
        m = copy.deepcopy(model)
        curves[name] = train(m, getattr(torch.optim, name)(m.parameters(), **settings), X, y, steps)
    return curves


# %% Adam with an L2 term stands in for AdamW caught_by="test_race_adamw"
def three_way_race(model, X, y, steps=100):
    a, b, c = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    return {
        "SGD": train(a, torch.optim.SGD(a.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "Adam": train(b, torch.optim.Adam(b.parameters(), lr=1e-3), X, y, steps),
        "AdamW": train(c, torch.optim.Adam(c.parameters(), lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% Biases are not decayed, as in lesson 2 caught_by="test_race_adamw"
def three_way_race(model, X, y, steps=100):
    a, b, c = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    groups = [
        {"params": [p for p in c.parameters() if p.ndim > 1]},
        {"params": [p for p in c.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return {
        "SGD": train(a, torch.optim.SGD(a.parameters(), lr=1e-2, momentum=0.9), X, y, steps),
        "Adam": train(b, torch.optim.Adam(b.parameters(), lr=1e-3), X, y, steps),
        "AdamW": train(c, torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.01), X, y, steps),
    }


# %% The plot is shown, and nothing is returned caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    plt.show()


# %% The figure is returned caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    fig = plt.figure() if ax is None else ax.figure
    ax = ax or fig.add_subplot()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return fig


# %% New Axes are made although ax is given caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    fig, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% ax is returned, but pyplot draws elsewhere caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    plt.figure()
    for name, losses in curves.items():
        plt.plot(losses, label=name)
    plt.xlabel("step")
    plt.ylabel("loss")
    plt.legend()
    return plt.gca() if ax is None else ax


# %% ax is needed caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% pyplot draws, as if ax were always its current Axes caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    if ax is None:
        ax = plt.subplots()[1]
    for name, losses in curves.items():
        plt.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% The lines go into ax, and the names of the axes to the current Axes of pyplot caught_by="test_plot_labels"
def plot_race(curves, ax=None):
    if ax is None:
        ax = plt.subplots()[1]
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    plt.xlabel("step")
    plt.ylabel("loss")
    ax.legend()
    return ax


# %% The list of lines is returned caught_by="test_plot_returns_the_axes"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    lines = [ax.plot(losses, label=name)[0] for name, losses in curves.items()]
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return lines


# %% Only the three known names are drawn caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name in ("SGD", "Adam", "AdamW"):
        if name in curves:
            ax.plot(curves[name], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Lines without labels caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for losses in curves.values():
        ax.plot(losses)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Fixed labels in a fixed order caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in zip(["SGD", "Adam", "AdamW"], curves.values()):
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Labels are decorated caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=f"{name} (final {losses[-1]:.3f})")
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% One line only, the first caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
        ax.set_xlabel("step")
        ax.set_ylabel("loss")
        ax.legend()
        return ax


# %% Each curve is drawn twice, thin and smoothed caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name, alpha=0.3)
        ax.plot([sum(losses[: i + 1]) / (i + 1) for i in range(len(losses))], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% A running mean without a label is drawn over each curve caught_by="test_plot_lines"
def plot_race(curves, ax=None):
    if ax is None:
        ax = plt.subplots()[1]
    for name, losses in curves.items():
        (line,) = ax.plot(losses, label=name, alpha=0.4)
        means = [sum(losses[: step + 1]) / (step + 1) for step in range(len(losses))]
        ax.plot(means, color=line.get_color())
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% The logarithm is drawn instead of a log scale caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot([math.log(loss) for loss in losses], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("log loss")
    ax.legend()
    return ax


# %% Steps are counted from 1 caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(range(1, len(losses) + 1), losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Losses are smoothed caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        smooth = losses[:1]
        for loss in losses[1:]:
            smooth.append(0.9 * smooth[-1] + 0.1 * loss)
        ax.plot(smooth, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Losses are divided by the first caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot([loss / losses[0] for loss in losses], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss relative to the start")
    ax.legend()
    return ax


# %% All curves are cut to the shortest caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    shortest = min(len(losses) for losses in curves.values())
    for name, losses in curves.items():
        ax.plot(losses[:shortest], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Only the first 100 steps are drawn caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        ax = plt.subplots()[1]
    for name, losses in curves.items():
        ax.plot(losses[:100], label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% x and y are exchanged caught_by="test_plot_values"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, range(len(losses)), label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend()
    return ax


# %% Labels are set, but the legend is never drawn caught_by="test_plot_labels"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    return ax


# %% The legend is drawn before the lines caught_by="test_plot_labels"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    ax.legend()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    return ax


# %% The axes have no labels caught_by="test_plot_labels"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_title("loss over steps")
    ax.legend()
    return ax


# %% The y axis has no label caught_by="test_plot_labels"
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for name, losses in curves.items():
        ax.plot(losses, label=name)
    ax.set_xlabel("step")
    ax.legend()
    return ax


# %% The keys are spelled in another way caught_by="test_report_form"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"gap": gap, "lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% A tuple of two numbers caught_by="test_report_form"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return gap, curves["SGD"][-1] - curves["Adam"][-1]


# %% The entries stay tensors caught_by="test_report_form"
def race_report(curves):
    sgd, adam, adamw = (torch.tensor(curves[name]) for name in ("SGD", "Adam", "AdamW"))
    return {"adam_adamw_gap": (adam - adamw)[:10].abs().max(), "sgd_lag": sgd[-1] - adam[-1]}


# %% The entries are texts with four decimals caught_by="test_report_form"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": f"{gap:.4f}", "sgd_lag": f"{curves['SGD'][-1] - curves['Adam'][-1]:.4f}"}


# %% The report is printed caught_by="test_report_form"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    print({"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]})


# %% The gap has a sign, Adam minus AdamW caught_by="test_report_gap"
def race_report(curves):
    gap = max(a - b for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The gap over the whole race caught_by="test_report_gap"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"], curves["AdamW"]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The gap at the tenth step alone caught_by=["test_report_gap", "test_report_of_a_short_race"]
def race_report(curves):
    gap = abs(curves["Adam"][9] - curves["AdamW"][9])
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% Nine steps, up to index 8 caught_by="test_report_gap"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:9], curves["AdamW"][:9]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% Eleven steps, up to index 10 caught_by="test_report_gap"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:11], curves["AdamW"][:11]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The gap is rounded to four decimals, which makes nothing of it caught_by="test_report_gap"
def race_report(curves):
    gaps = [abs(one - other) for one, other in zip(curves["Adam"][:10], curves["AdamW"][:10])]
    return {"adam_adamw_gap": round(max(gaps), 4), "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The mean distance caught_by="test_report_gap"
def race_report(curves):
    gaps = [abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10])]
    return {"adam_adamw_gap": sum(gaps) / len(gaps), "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The step of the largest gap, not the gap caught_by="test_report_gap"
def race_report(curves):
    gaps = [abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10])]
    return {"adam_adamw_gap": float(gaps.index(max(gaps))), "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The difference of the two largest losses caught_by="test_report_gap"
def race_report(curves):
    gap = abs(max(curves["Adam"][:10]) - max(curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The lag is a distance, without a sign caught_by="test_report_lag"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": abs(curves["SGD"][-1] - curves["Adam"][-1])}


# %% The lowest losses are compared, not the final ones caught_by="test_report_lag"
def race_report(curves):
    gaps = [abs(one - other) for one, other in zip(curves["Adam"][:10], curves["AdamW"][:10])]
    return {"adam_adamw_gap": max(gaps), "sgd_lag": min(curves["SGD"]) - min(curves["Adam"])}


# %% The lag is rounded to three decimals caught_by="test_report_lag"
def race_report(curves):
    gaps = [abs(one - other) for one, other in zip(curves["Adam"][:10], curves["AdamW"][:10])]
    return {"adam_adamw_gap": max(gaps), "sgd_lag": round(curves["SGD"][-1] - curves["Adam"][-1], 3)}


# %% Adam minus SGD caught_by="test_report_lag"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["Adam"][-1] - curves["SGD"][-1]}


# %% The lag behind AdamW caught_by="test_report_lag"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["AdamW"][-1]}


# %% The curves are taken by their order caught_by=["test_report_gap", "test_report_lag"]
def race_report(curves):
    sgd, adam, adamw = curves.values()
    gap = max(abs(a - b) for a, b in zip(adam[:10], adamw[:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": sgd[-1] - adam[-1]}


# %% The last entry is taken to be index 99 caught_by="test_report_lag"
def race_report(curves):
    gap = max(abs(a - b) for a, b in zip(curves["Adam"][:10], curves["AdamW"][:10]))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][99] - curves["Adam"][99]}


# %% range of ten breaks on a short race caught_by="test_report_of_a_short_race"
def race_report(curves):
    gap = max(abs(curves["Adam"][i] - curves["AdamW"][i]) for i in range(10))
    return {"adam_adamw_gap": gap, "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% Step 0 is left out, because nobody has moved yet caught_by="test_report_of_a_short_race"
def race_report(curves):
    gaps = [abs(one - other) for one, other in zip(curves["Adam"][1:10], curves["AdamW"][1:10])]
    return {"adam_adamw_gap": max(gaps), "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1]}


# %% The lowest loss is returned, not its rate caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        final.append(loss if math.isfinite(loss) else math.inf)
    return min(final)


# %% The index is returned, not the rate caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        final.append(loss if math.isfinite(loss) else math.inf)
    return final.index(min(final))


# %% The pair of rate and loss is returned caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        final.append((loss if math.isfinite(loss) else math.inf, lr))
    return min(final)


# %% A tensor made of lrs is searched, and one of its elements returned caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        final.append(loss if math.isfinite(loss) else math.inf)
    return torch.tensor(lrs)[torch.tensor(final).argmin()]


# %% The largest final loss wins caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return max(final, key=final.get)


# %% The largest rate that does not diverge caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    good = []
    for lr in lrs:
        m = copy.deepcopy(model)
        if math.isfinite(train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]):
            good.append(lr)
    return max(good)


# %% A small rate is always safe caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    return min(lrs)


# %% A final loss of 10 or more is taken for a diverged run caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    best_lr, best = None, 10.0
    for lr in lrs:
        own = copy.deepcopy(model)
        loss = train(own, torch.optim.SGD(own.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if loss < best:
            best_lr, best = lr, loss
    return best_lr


# %% A run that ends above its start is taken for a diverged one caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        own = copy.deepcopy(model)
        losses = train(own, torch.optim.SGD(own.parameters(), lr=lr, momentum=0.9), X, y, steps)
        if losses[-1] < losses[0]:
            final[lr] = losses[-1]
    return min(final, key=final.get, default=lrs[0])


# %% The lowest loss on the way, not the final one caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    best = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        curve = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)
        if math.isfinite(curve[-1]):
            best[lr] = min(curve)
    return min(best, key=best.get)


# %% The mean of the curve, not its end caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    best = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        curve = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)
        if math.isfinite(curve[-1]):
            best[lr] = sum(curve) / len(curve)
    return min(best, key=best.get)


# %% The first entry is looked at, which is the same for all caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    best_lr, best_loss = None, math.inf
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[0]
        if loss < best_loss:
            best_lr, best_loss = lr, loss
    return best_lr


# %% lrs is sorted in place, which a tuple cannot be caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    lrs.sort()
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% The return is indented into the loop caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
            return min(final, key=final.get)


# %% Momentum is forgotten caught_by="test_tune_settings"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% Adam is tuned instead of SGD caught_by="test_tune_settings"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.Adam(m.parameters(), lr=lr), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% steps is ignored, and 100 are made caught_by="test_tune_settings"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% The default of steps is 50 caught_by="test_tune_settings"
def tune_sgd(model, X, y, lrs, steps=50):
    final = {}
    for lr in lrs:
        own = copy.deepcopy(model)
        loss = train(own, torch.optim.SGD(own.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% From the smallest rate upwards, until the loss gets worse caught_by="test_tune_finds_the_best"
def tune_sgd(model, X, y, lrs, steps=100):
    best, lowest = None, math.inf
    for lr in sorted(lrs):
        own = copy.deepcopy(model)
        loss = train(own, torch.optim.SGD(own.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if not loss < lowest:
            break
        best, lowest = lr, loss
    return best


# %% Dampening along with the momentum caught_by="test_tune_settings"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9, dampening=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% min is asked about NaN caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        final[lr] = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
    return min(final, key=final.get)


# %% argmin takes NaN for the smallest caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        final.append(train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1])
    return lrs[int(torch.tensor(final).argmin())]


# %% A sort with NaN among the numbers caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        final.append((train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1], lr))
    return sorted(final)[0][1]


# %% NaN becomes zero, and wins caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    final = []
    for lr in lrs:
        m = copy.deepcopy(model)
        final.append(train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1])
    return lrs[int(torch.nan_to_num(torch.tensor(final)).argmin())]


# %% A comparison with the best so far, which starts as NaN caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    best_lr, best_loss = None, None
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if best_loss is None or loss < best_loss:
            best_lr, best_loss = lr, loss
    return best_lr


# %% A diverged run raises an error caught_by="test_tune_ignores_diverged_runs"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if not math.isfinite(loss):
            raise ValueError(f"lr {lr} diverged")
        final[lr] = loss
    return min(final, key=final.get)


# %% The model itself is trained, one rate after the other caught_by="test_tune_starts_each_run_anew"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        loss = train(model, torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% One copy for all rates caught_by="test_tune_starts_each_run_anew"
def tune_sgd(model, X, y, lrs, steps=100):
    m = copy.deepcopy(model)
    final = {}
    for lr in lrs:
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% The given model is put into training mode before it is copied caught_by="test_tune_starts_each_run_anew"
def tune_sgd(model, X, y, lrs, steps=100):
    model.train()
    final = {}
    for lr in lrs:
        own = copy.deepcopy(model)
        loss = train(own, torch.optim.SGD(own.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    return min(final, key=final.get)


# %% The model is trained with the best rate at the end caught_by="test_tune_starts_each_run_anew"
def tune_sgd(model, X, y, lrs, steps=100):
    final = {}
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if math.isfinite(loss):
            final[lr] = loss
    best = min(final, key=final.get)
    train(model, torch.optim.SGD(model.parameters(), lr=best, momentum=0.9), X, y, steps)
    return best
