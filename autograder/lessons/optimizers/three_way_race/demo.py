# What the prepared class of `make demo` hands in. Who is not here hands in the reference.

# %% ben: gradients add up
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% chloe: one model is trained three times in a row
def three_way_race(model, X, y, steps=100):
    sgd = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    racers = {"SGD": sgd, "Adam": adam, "AdamW": adamw}
    return {name: train(model, optimizer, X, y, steps) for name, optimizer in racers.items()}


# %% dmitri: an untouched stub
def train(model, optimizer, X, y, steps=100):
    raise NotImplementedError
