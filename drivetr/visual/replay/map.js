// The map below the view from above: the drivable ground.

const mapPictures = new Map(); // promise of the decoded picture by scene
const mapTints = new Map(); // canvas in the colour of the present theme by scene

/** The decoded map of a scene, or null where there is none. */
function loadMap(scene) {
  if (!mapPictures.has(scene)) {
    const number = recording.maps.indexOf(scene);
    mapPictures.set(scene, decodePicture(number < 0 ? null : blockText(`map-${number}`), "png"));
  }
  return mapPictures.get(scene);
}

/** The map in a colour of the page: the file has opacities only. */
function tintedMap(scene, picture) {
  const known = mapTints.get(scene);
  if (known?.colour === theme.road) return known.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const ctx = canvas.getContext("2d");
  ctx.drawImage(picture, 0, 0);
  ctx.globalCompositeOperation = "source-in";
  ctx.fillStyle = theme.road;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  mapTints.set(scene, { colour: theme.road, canvas });
  return canvas;
}

/** Lays the map under a view: where its first pixel, one column and one row further on are. */
function drawMap(ctx, view, frame, picture) {
  if (picture === null) return;
  const [origin, column, row] = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    .map((pixel) => view.place(transform(frame.ego_from_map, pixel)));
  ctx.save();
  ctx.transform(column[0] - origin[0], column[1] - origin[1], row[0] - origin[0], row[1] - origin[1],
    ...origin);
  ctx.drawImage(tintedMap(frame.scene, picture), 0, 0);
  ctx.restore();
}
