-- One row per person and interval (start, stop] in days of age, with the lagged dose as known at its start.
with unknown_from as (
    select dose_unknown.person_id, dose_unknown.tspo_class, dose_unknown.day + $lag_days as day
    from dose_unknown
),

-- Slope s and jump j on day d add s * (t - d) + j to the value of day t: running sums of s and of s * d - j give every
-- value. What leaves a rolling window does so by the same changes with the opposite sign.
change as (
    select
        dose_step.person_id,
        dose_step.tspo_class,
        dose_step.day + $lag_days as day,
        dose_step.slope,
        dose_step.slope * (dose_step.day + $lag_days) - dose_step.jump as moment,
        dose_step.use_slope,
        dose_step.use_slope * (dose_step.day + $lag_days) as use_moment
    from dose_step
    union all
    select
        dose_step.person_id,
        dose_step.tspo_class,
        dose_step.day + $lag_days + cast($window_days as integer) as day,
        -dose_step.slope as slope,
        dose_step.jump - dose_step.slope * (dose_step.day + $lag_days + cast($window_days as integer)) as moment,
        -dose_step.use_slope as use_slope,
        -dose_step.use_slope * (dose_step.day + $lag_days + cast($window_days as integer)) as use_moment
    from dose_step
    where $window_days is not null
),

-- Who ever has a dose; all others have nothing but their age, and need none of what follows.
taker as (
    select dose_step.person_id
    from dose_step
    union
    select dose_unknown.person_id
    from dose_unknown
),

-- Whatever happened before entry counts from entry on; whatever comes after exit does not count.
mark as (
    select
        cohort.person_id,
        greatest(change.day, cohort.entry_day) as day,
        change.tspo_class,
        change.slope,
        change.moment,
        change.use_slope,
        change.use_moment,
        null as unknown_class,
        null as lower_age
    from cohort
    inner join change on change.person_id = cohort.person_id
    where change.day < cohort.exit_day
    union all
    select
        cohort.person_id,
        greatest(unknown_from.day, cohort.entry_day) as day,
        null as tspo_class,
        0 as slope,
        0 as moment,
        0 as use_slope,
        0 as use_moment,
        unknown_from.tspo_class as unknown_class,
        null as lower_age
    from cohort
    inner join unknown_from on unknown_from.person_id = cohort.person_id
    where unknown_from.day < cohort.exit_day
    union all
    select
        cohort.person_id,
        greatest(band_start.day, cohort.entry_day) as day,
        null as tspo_class,
        0 as slope,
        0 as moment,
        0 as use_slope,
        0 as use_moment,
        null as unknown_class,
        band_start.lower_age
    from cohort
    semi join taker on taker.person_id = cohort.person_id
    inner join band_start on band_start.person_id = cohort.person_id
    where band_start.day < cohort.exit_day
),

-- Days of use are other than zero only where a dose is a mean over them; the engine adds up what is asked for below.
person_day as (
    select
        mark.person_id,
        mark.day,
        coalesce(sum(mark.slope) filter (where mark.tspo_class = 'binder'), 0) as binder_slope,
        coalesce(sum(mark.moment) filter (where mark.tspo_class = 'binder'), 0) as binder_moment,
        coalesce(sum(mark.use_slope) filter (where mark.tspo_class = 'binder'), 0) as binder_use_slope,
        coalesce(sum(mark.use_moment) filter (where mark.tspo_class = 'binder'), 0) as binder_use_moment,
        coalesce(sum(mark.slope) filter (where mark.tspo_class = 'non_binder'), 0) as non_binder_slope,
        coalesce(sum(mark.moment) filter (where mark.tspo_class = 'non_binder'), 0) as non_binder_moment,
        coalesce(sum(mark.use_slope) filter (where mark.tspo_class = 'non_binder'), 0) as non_binder_use_slope,
        coalesce(sum(mark.use_moment) filter (where mark.tspo_class = 'non_binder'), 0) as non_binder_use_moment,
        coalesce(sum(mark.slope) filter (where mark.tspo_class = 'unknown'), 0) as unknown_slope,
        coalesce(sum(mark.moment) filter (where mark.tspo_class = 'unknown'), 0) as unknown_moment,
        coalesce(sum(mark.use_slope) filter (where mark.tspo_class = 'unknown'), 0) as unknown_use_slope,
        coalesce(sum(mark.use_moment) filter (where mark.tspo_class = 'unknown'), 0) as unknown_use_moment,
        bool_or(mark.unknown_class = 'binder') as binder_unknown,
        bool_or(mark.unknown_class = 'non_binder') as non_binder_unknown,
        bool_or(mark.unknown_class = 'unknown') as unknown_unknown,
        bool_or(mark.tspo_class is null) as is_cut,
        max(mark.lower_age) as lower_age
    from mark
    group by mark.person_id, mark.day
),

-- Between two days of change every dose is a straight line. A change that nets to zero is none, so it cuts nothing.
piece as (
    select
        person_day.person_id,
        person_day.day as piece_start,
        lead(person_day.day, 1, cohort.exit_day) over so_far as piece_stop,
        cast(sum(person_day.binder_slope) over so_far as bigint) as binder_slope,
        cast(sum(person_day.binder_moment) over so_far as bigint) as binder_moment,
        case when $metric = 'intensity' then cast(sum(person_day.binder_use_slope) over so_far as bigint) else 0 end
            as binder_use_slope,
        case when $metric = 'intensity' then cast(sum(person_day.binder_use_moment) over so_far as bigint) else 0 end
            as binder_use_moment,
        cast(sum(person_day.non_binder_slope) over so_far as bigint) as non_binder_slope,
        cast(sum(person_day.non_binder_moment) over so_far as bigint) as non_binder_moment,
        case when $metric = 'intensity' then cast(sum(person_day.non_binder_use_slope) over so_far as bigint) else 0 end
            as non_binder_use_slope,
        case when $metric = 'intensity' then cast(sum(person_day.non_binder_use_moment) over so_far as bigint) else 0 end
            as non_binder_use_moment,
        cast(sum(person_day.unknown_slope) over so_far as bigint) as unknown_slope,
        cast(sum(person_day.unknown_moment) over so_far as bigint) as unknown_moment,
        case when $metric = 'intensity' then cast(sum(person_day.unknown_use_slope) over so_far as bigint) else 0 end
            as unknown_use_slope,
        case when $metric = 'intensity' then cast(sum(person_day.unknown_use_moment) over so_far as bigint) else 0 end
            as unknown_use_moment,
        coalesce(bool_or(person_day.binder_unknown) over so_far, false) as binder_unknown,
        coalesce(bool_or(person_day.non_binder_unknown) over so_far, false) as non_binder_unknown,
        coalesce(bool_or(person_day.unknown_unknown) over so_far, false) as unknown_unknown,
        max(person_day.lower_age) over so_far as lower_age,
        cohort.exit_day,
        cohort.exit_reason,
        cohort.sex,
        cohort.index_year
    from person_day
    inner join cohort on cohort.person_id = person_day.person_id
    where
        person_day.day < cohort.exit_day
        and (
            person_day.is_cut
            or person_day.binder_slope <> 0
            or person_day.binder_moment <> 0
            or person_day.non_binder_slope <> 0
            or person_day.non_binder_moment <> 0
            or person_day.unknown_slope <> 0
            or person_day.unknown_moment <> 0
            or $metric = 'intensity'
            and (
                person_day.binder_use_slope <> 0
                or person_day.binder_use_moment <> 0
                or person_day.non_binder_use_slope <> 0
                or person_day.non_binder_use_moment <> 0
                or person_day.unknown_use_slope <> 0
                or person_day.unknown_use_moment <> 0
            )
        )
    window so_far as (
        partition by person_day.person_id
        order by person_day.day
        rows between unbounded preceding and current row
    )
),

changing as (
    select
        piece.person_id,
        piece.piece_start,
        piece.piece_stop,
        piece.binder_slope as slope,
        piece.binder_moment as moment,
        piece.binder_use_slope as use_slope,
        piece.binder_use_moment as use_moment
    from piece
    where (piece.binder_slope <> 0 or piece.binder_use_slope <> 0) and not piece.binder_unknown
    union all
    select
        piece.person_id,
        piece.piece_start,
        piece.piece_stop,
        piece.non_binder_slope as slope,
        piece.non_binder_moment as moment,
        piece.non_binder_use_slope as use_slope,
        piece.non_binder_use_moment as use_moment
    from piece
    where (piece.non_binder_slope <> 0 or piece.non_binder_use_slope <> 0) and not piece.non_binder_unknown
    union all
    select
        piece.person_id,
        piece.piece_start,
        piece.piece_stop,
        piece.unknown_slope as slope,
        piece.unknown_moment as moment,
        piece.unknown_use_slope as use_slope,
        piece.unknown_use_moment as use_moment
    from piece
    where (piece.unknown_slope <> 0 or piece.unknown_use_slope <> 0) and not piece.unknown_unknown
),

-- Above a bound: slope * t - moment > bound, or for a mean over days of use slope * t - moment > bound * days of use.
against_bound as (
    select
        changing.person_id,
        changing.piece_start,
        changing.piece_stop,
        case
            when $metric = 'intensity' then changing.slope - dose_category.above_nano * changing.use_slope
            else changing.slope
        end as slope,
        case
            when $metric = 'intensity' then changing.moment - dose_category.above_nano * changing.use_moment
            else changing.moment + dose_category.above_nano
        end as threshold
    from changing
    inner join dose_category on dose_category.above_nano >= 0
),

-- The first day above the bound while the value grows, the first day not above it while it falls.
crossing as (
    select
        against_bound.person_id,
        against_bound.piece_start,
        against_bound.piece_stop,
        case
            when against_bound.slope > 0
                then greatest(against_bound.threshold, -against_bound.slope) // against_bound.slope + 1
            else (greatest(-against_bound.threshold, 0) - against_bound.slope - 1) // (-against_bound.slope)
        end as day
    from against_bound
    where against_bound.slope <> 0
),

start as (
    select piece.person_id, piece.piece_start, piece.piece_start as day
    from piece
    union all
    select crossing.person_id, crossing.piece_start, crossing.day
    from crossing
    where crossing.day > crossing.piece_start and crossing.day < crossing.piece_stop
    union all
    select
        changing.person_id,
        changing.piece_start,
        unnest(range(
            cast(changing.piece_start + $dose_update_days as bigint),
            cast(changing.piece_stop as bigint),
            cast($dose_update_days as bigint)
        )) as day
    from changing
),

-- Put in order before it takes on the rest of what is known: to order all of that takes twice as long. A day that is a
-- start for two reasons stands there twice, and the first of them lasts for no time.
stretch as (
    select
        start.person_id,
        start.piece_start,
        start.day,
        lead(start.day) over (partition by start.person_id order by start.day) as next_day
    from start
),

interval as (
    select
        stretch.person_id,
        stretch.day as start_day,
        coalesce(stretch.next_day, piece.exit_day) as stop_day,
        case when not piece.binder_unknown then stretch.day * piece.binder_slope - piece.binder_moment end
            as binder_nano,
        case
            when $metric = 'intensity'
                then greatest(1, stretch.day * piece.binder_use_slope - piece.binder_use_moment)
            else 1
        end as binder_per,
        case when not piece.non_binder_unknown then stretch.day * piece.non_binder_slope - piece.non_binder_moment end
            as non_binder_nano,
        case
            when $metric = 'intensity'
                then greatest(1, stretch.day * piece.non_binder_use_slope - piece.non_binder_use_moment)
            else 1
        end as non_binder_per,
        case when not piece.unknown_unknown then stretch.day * piece.unknown_slope - piece.unknown_moment end
            as unknown_nano,
        case
            when $metric = 'intensity'
                then greatest(1, stretch.day * piece.unknown_use_slope - piece.unknown_use_moment)
            else 1
        end as unknown_per,
        piece.lower_age,
        piece.exit_day,
        piece.exit_reason,
        piece.sex,
        piece.index_year
    from stretch
    inner join piece on piece.person_id = stretch.person_id and piece.piece_start = stretch.piece_start
    where stretch.next_day is null or stretch.next_day > stretch.day
    union all
    select
        cohort.person_id,
        greatest(band_start.day, cohort.entry_day) as start_day,
        least(coalesce(band_start.end_day, cohort.exit_day), cohort.exit_day) as stop_day,
        0 as binder_nano,
        1 as binder_per,
        0 as non_binder_nano,
        1 as non_binder_per,
        0 as unknown_nano,
        1 as unknown_per,
        band_start.lower_age,
        cohort.exit_day,
        cohort.exit_reason,
        cohort.sex,
        cohort.index_year
    from cohort
    anti join taker on taker.person_id = cohort.person_id
    inner join band_start on band_start.person_id = cohort.person_id
    where
        band_start.day < cohort.exit_day
        and coalesce(band_start.end_day, cohort.exit_day) > cohort.entry_day
)

-- In no order: to put it in one would take as long as half of the rest, and `person_time` is in order.
select
    interval.person_id,
    cast(interval.start_day as integer) as start_day,
    cast(interval.stop_day as integer) as stop_day,
    cast(interval.stop_day = interval.exit_day and interval.exit_reason = $diagnosis as tinyint) as event,
    cast(interval.stop_day = interval.exit_day and interval.exit_reason = 'death' as tinyint) as death,
    age_band.age_stratum,
    interval.sex,
    interval.index_year,
    interval.binder_nano / (cast(1000000000 as double) * interval.binder_per) as dose_tspo_binder,
    interval.non_binder_nano / (cast(1000000000 as double) * interval.non_binder_per) as dose_tspo_non_binder,
    interval.unknown_nano / (cast(1000000000 as double) * interval.unknown_per) as dose_tspo_unknown,
    coalesce(binder_category.category, 'unknown dose') as category_tspo_binder,
    coalesce(non_binder_category.category, 'unknown dose') as category_tspo_non_binder,
    coalesce(unknown_category.category, 'unknown dose') as category_tspo_unknown,
    cast(interval.stop_day = interval.exit_day and interval.exit_reason = 'competing diagnosis' as tinyint)
        as competing_diagnosis
from interval
inner join age_band on age_band.lower_age = interval.lower_age
left join dose_category as binder_category
    on
        interval.binder_nano > binder_category.above_nano * interval.binder_per
        and coalesce(interval.binder_nano <= binder_category.at_most_nano * interval.binder_per, true)
left join dose_category as non_binder_category
    on
        interval.non_binder_nano > non_binder_category.above_nano * interval.non_binder_per
        and coalesce(interval.non_binder_nano <= non_binder_category.at_most_nano * interval.non_binder_per, true)
left join dose_category as unknown_category
    on
        interval.unknown_nano > unknown_category.above_nano * interval.unknown_per
        and coalesce(interval.unknown_nano <= unknown_category.at_most_nano * interval.unknown_per, true)
